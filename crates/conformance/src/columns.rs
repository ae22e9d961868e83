//! Which columns the change feed has to tell of: a list for the adapters that store rows.

use crate::columns::Told::{Never, OnChange};

/// Whether a change of a column is in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is: a verdict or a session's organization depends on it, or it is said with a verdict.
    OnChange,
    /// It is not, for this reason.
    Never(&'static str),
}

const SHOWN: Told = Never("shown to people alone, and may be as old as the cache");

/// Every column that keys and organizations may have, by table, with a text that one of text may hold.
const COLUMNS: [(&str, &str, &str, Told); 36] = [
    ("api_keys", "id", "", OnChange),
    ("api_keys", "organization_id", "", OnChange),
    ("api_keys", "name", "Other", SHOWN),
    ("api_keys", "key_prefix", "capy_live_Othr", SHOWN),
    ("api_keys", "scopes", "jobs:read", OnChange),
    ("api_keys", "source", "import", SHOWN),
    ("api_keys", "created_at", "", SHOWN),
    // Gateways name it to the services behind them.
    ("api_keys", "created_by_user_id", "user_2other", OnChange),
    ("api_keys", "created_by_key_id", "", SHOWN),
    ("api_keys", "device_name", "Other", SHOWN),
    ("api_keys", "expires_at", "", OnChange),
    ("api_keys", "last_used_at", "", Never("a trace of verdicts, on which none depends")),
    ("api_keys", "project_id", "p1", OnChange),
    ("api_keys", "revoked_at", "", OnChange),
    ("api_keys", "pepper_id", "2", OnChange),
    ("api_keys", "digest", "", OnChange),
    ("api_keys", "brought", "true", Never("it never changes, and its insertion is told")),
    ("api_keys", "disabled_at", "", Never("the digest changes with it")),
    ("api_keys", "disabled_reason", "other", SHOWN),
    ("api_keys", "rotated_at", "", Never("the digest changes with it")),
    ("api_keys", "previous_key_prefix", "capy_live_Othr", SHOWN),
    ("api_keys", "previous_expires_at", "", OnChange),
    ("api_keys", "previous_last_used_at", "", Never("a trace of verdicts, on which none depends")),
    ("api_keys", "finish_when_idle", "1", Never("no verdict depends on it")),
    ("api_keys", "previous_pepper_id", "2", OnChange),
    ("api_keys", "previous_digest", "", OnChange),
    ("api_keys", "expiry_noticed_until", "", Never("no verdict depends on it")),
    ("organizations", "id", "", OnChange),
    ("organizations", "name", "Other", SHOWN),
    ("organizations", "slug", "other", SHOWN),
    ("organizations", "created_at", "", SHOWN),
    ("organizations", "updated_at", "", SHOWN),
    ("organizations", "clerk_organization_id", "org_2other", OnChange),
    ("organizations", "clerk_organization_slug", "other", SHOWN),
    ("organizations", "suspended_at", "", OnChange),
    ("organizations", "suspended_reason", "other", SHOWN),
];

/// Whether a change of the column is told, and a text for it.
///
/// # Panics
/// Where nobody has decided that yet: add the column to the list and, where it is told, to the
/// triggers.
#[must_use]
pub fn told(table: &str, column: &str) -> (&'static str, bool) {
    let known = COLUMNS.iter().find(|known| (known.0, known.1) == (table, column));
    let &(_, _, text, told) = known.unwrap_or_else(|| panic!("is a change of {table}.{column} told?"));
    (text, told == OnChange)
}
