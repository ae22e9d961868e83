//! `/v1/organizations/{orgID}/api-keys`.

mod bad_input;
mod bad_paths;
mod create;
mod disable;
mod filters;
mod get;
mod held;
mod last_used;
mod lineage;
mod list;
mod paging;
mod revoke;
mod revoke_many;
mod rotate;
mod rotated;
mod update;
