//! The scopes that there are where nobody has configured others.

/// All of them by their names, the star last.
pub const ALL: [&str; 12] = [
    "projects:read",
    "projects:write",
    "credentials:read",
    "backups:read",
    "backups:write",
    "jobs:read",
    "schema:read",
    "organizations:read",
    "organizations:write",
    "api_keys:read",
    "api_keys:write",
    "*",
];

/// All but the star.
pub fn named() -> &'static [&'static str] {
    ALL.split_last().expect("the star").1
}

/// All that say nothing of API keys.
pub fn of_other_things() -> Vec<&'static str> {
    named().iter().copied().filter(|name| !name.starts_with("api_keys:")).collect()
}
