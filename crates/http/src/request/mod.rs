//! Reading what callers send.

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod create_key;
pub(crate) mod disable_key;
pub(crate) mod headers;
pub(crate) mod idempotency;
pub(crate) mod key_filter;
pub(crate) mod members;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod precondition;
pub(crate) mod revoke_keys;
pub(crate) mod rotate_key;
pub(crate) mod update_key;
pub(crate) mod verification;
