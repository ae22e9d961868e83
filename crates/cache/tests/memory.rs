//! What the cache takes, measured from outside, in a process that does nothing else.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/resident.rs"]
mod resident;
#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use std::{sync::Arc, time::Duration};

use capykeys_cache::{CacheSettings, CachedStore, VerificationCache};
use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{ClerkLink, DeviceName, ExternalOrganizationId, KeyName, Organization, ProjectId, UserId},
    ports::{FoundKey, KeyLookup, KeyResolver},
};
use resident::resident;
use support::{FakeBootClock, FakeStore, REPLICA};
use tokio::{runtime::Handle, time::sleep};

const KEYS: u64 = 100_000;

/// With everything that a key can have.
fn full(number: u64) -> FoundKey {
    let at = fixtures::at(0);
    let clerk = ClerkLink {
        id: ExternalOrganizationId::parse("org_2abcdefghijklmnopqrstuvwxyz").unwrap(),
        slug: Some("acme-incorporated".into()),
    };
    let organization = Organization { clerk: Some(clerk), ..fixtures::organization(at) };
    let mut key = fixtures::key(organization.id, at).key;
    key.name = KeyName::parse("Continuous integration, main branch").unwrap();
    key.scopes = fixtures::scopes(&fixtures::SCOPES[..6]);
    key.created_by_user_id = UserId::parse("user_2abcdefghijklmnopqrstuvwxyz");
    key.device_name = DeviceName::parse("Ada's notebook").ok();
    key.project_id = ProjectId::parse("prj_1234567890abcdef").ok();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    FoundKey { digest: fixtures::digest(bytes), previous_digest: None, key, organization }
}

/// Makes up each key as it is asked for, so that only the cache keeps it.
struct MadeUp(std::sync::atomic::AtomicU64);

#[async_trait::async_trait]
impl KeyLookup for MadeUp {
    async fn find_key_by_digest(
        &self,
        digests: &[capykeys_domain::secret::KeyDigest],
    ) -> Result<Option<FoundKey>, capykeys_domain::ports::Unavailable> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let exists = digests[0].as_bytes()[31] == 0;
        Ok(exists.then(|| FoundKey { digest: digests[0].clone(), ..full(number) }))
    }
}

/// The time stands still, so that the registration holds however long this takes.
#[tokio::test(start_paused = true)]
async fn keys_take_what_the_documentation_says() {
    let lookup = Arc::new(MadeUp(0.into()));
    let store = CachedStore { lookup, ..Arc::new(FakeStore::default()).ports() };
    let clock = Arc::new(FakeBootClock::new());
    let cache = VerificationCache::with_clock(CacheSettings::default(), REPLICA, store, clock);
    let _polling = cache.spawn(&Handle::current());
    while cache.lease_remaining().is_none() {
        sleep(Duration::from_millis(1)).await;
    }
    let before = resident();
    for number in 0..KEYS {
        let digest = full(number).digest;
        assert!(cache.resolve(&[digest], Duration::ZERO).await.unwrap().found.is_some());
    }
    assert_eq!(cache.status().keys, 100_000);
    let with_keys = resident();
    let per_key = (with_keys - before) / KEYS;
    for number in 0..2 * KEYS {
        let mut bytes = *full(number).digest.as_bytes();
        bytes[31] = 1;
        assert!(cache.resolve(&[fixtures::digest(bytes)], Duration::ZERO).await.unwrap().found.is_none());
    }
    // By how many there may be: a half that was just emptied keeps its room.
    let absent = u64::try_from(CacheSettings::default().absent).unwrap();
    let per_absent = resident().saturating_sub(with_keys) / absent;
    let figures = format!("{per_key} bytes per key, {per_absent} per absent digest");
    assert!(per_key <= 1_200 && per_absent <= 130, "{figures}");
    // A measurement that sees nothing is none.
    assert!(per_key >= 300, "{figures}");
    tracing::info!("{figures}");
}
