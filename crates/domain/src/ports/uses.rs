//! Noting that keys are used.

use super::{KeyUse, Rehash};

/// Takes note of the uses of keys. It is told on the path of every request, so it does no I/O, waits
/// for nothing and cannot fail.
///
/// What it was told need not be stored yet when it returns; [`KeyStore::record_uses`] stores it.
///
/// [`KeyStore::record_uses`]: super::KeyStore::record_uses
pub trait Uses: Send + Sync {
    /// The key was used.
    fn used(&self, one: KeyUse);

    /// The key was found under the digest of a pepper that new keys are not made with any more.
    /// By default nothing comes of it.
    fn outdated(&self, _key: Rehash) {}
}
