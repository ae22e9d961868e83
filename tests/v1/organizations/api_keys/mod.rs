//! `/v1/organizations/{orgID}/api-keys`.

mod bad_input;
mod bad_paths;
mod brought;
mod create;
mod disable;
mod filters;
mod get;
mod held;
mod idempotency;
mod last_used;
mod list;
mod paging;
mod revoke;
mod rotate;
mod rotated;
mod update;
