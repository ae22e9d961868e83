//! The use cases over the reference model of the store.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authenticate;
mod bring_key;
mod change_key;
mod create_key;
mod create_key_once;
mod list_keys;
mod notice_expiry;
mod provision;
mod rotate_key;
mod scopes;
mod uses;
mod verify_key;
mod viewer;
