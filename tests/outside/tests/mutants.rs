//! That the suite would see a mistake in this adapter.

use capykeys_testkit::mutants::in_suite;

capykeys_testkit::mutants! {
    a_revocation_that_is_not_made_is_caught: [in_suite("a_revoked_key_is_seen_as_revoked_at_once", "assertion")], [
        ("src/lib.rs", "self.engine.revoke_key(revoke).await", "Ok(Some(Revocation { revoked_at: revoke.at, newly: true }))"),
    ];
}
