//! Ids of people and organizations as those who sign them in know them.

use alloc::{format, string::String};
use core::fmt::Write;

/// What the ids of other issuers than Clerk begin with, behind `user_` and `org_`. Clerk's own have letters
/// and digits alone.
pub(super) const OF_ANOTHER_ISSUER: &str = "oidc_";

/// How many hexadecimal digits of the issuer's hash stand in an id: 80 bits, so that nobody finds an issuer
/// with the digits of another.
const ISSUER_DIGITS: usize = 20;

/// How many characters may stand behind the prefix. Stores check it too.
pub(super) const MAX_SUFFIX: usize = 100;

/// The suffix of the id that `issuer` calls `id`: the issuer by its BLAKE3 hash, so that no two issuers' ids
/// ever meet, and then what the issuer says, in which `_` is doubled and every byte that is no letter or
/// digit is `_` and two hexadecimal digits, so that whoever knows the user or organization there can read it.
/// `None` where that is nothing or more than 74 characters.
pub(super) fn suffix(issuer: &str, id: &str) -> Option<String> {
    let digits = blake3::hash(issuer.as_bytes()).to_hex();
    let mut suffix = format!("{OF_ANOTHER_ISSUER}{}_", digits.get(..ISSUER_DIGITS)?);
    for byte in id.bytes().take(MAX_SUFFIX) {
        match byte {
            b'_' => suffix.push_str("__"),
            _ if byte.is_ascii_alphanumeric() => suffix.push(char::from(byte)),
            _ => write!(suffix, "_{byte:02x}").ok()?,
        }
    }
    let fits = !id.is_empty() && id.len() <= MAX_SUFFIX && suffix.len() <= MAX_SUFFIX;
    fits.then_some(suffix)
}
