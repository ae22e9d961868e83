//! What happens when processes die and PostgreSQL goes away.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod backups;
mod clock;
mod copies;
mod durability;
mod postgres;
mod restores;
mod sessions;
