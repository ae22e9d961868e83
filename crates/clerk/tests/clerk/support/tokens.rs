//! Tokens of sessions, and the keys that they are signed with.

use std::sync::LazyLock;

use capykeys_testkit::{SigningKey, TokenBuilder};
use serde_json::json;

use super::{ISSUER, PARTY};

/// When the tests take place, in seconds since the epoch.
pub(crate) const NOW: i64 = 1_800_000_000;

/// The key that tokens are signed with.
pub(crate) fn signing_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);
    &KEY
}

/// Somebody else's key, or the next one.
pub(crate) fn other_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);
    &KEY
}

/// A session token as Clerk writes it, without an active organization.
pub(crate) fn good_token() -> TokenBuilder {
    TokenBuilder::new(
        json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_1", "typ": "JWT"}),
        json!({
            "azp": PARTY, "exp": NOW + 60, "fva": [0, -1], "iat": NOW, "iss": ISSUER,
            "jti": "7a1", "nbf": NOW - 10, "sid": "sess_2abc", "sts": "active",
            "sub": "user_2abc", "v": 2,
        }),
        signing_key(),
    )
}

/// The same with version 1 of the claims.
pub(crate) fn good_token_of_version_1() -> TokenBuilder {
    good_token().without("v").without("sts")
}
