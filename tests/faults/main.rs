//! What happens when processes die, PostgreSQL goes away, and the machine is not as it should be.
//!
//! | fault | where it is a test |
//! |---|---|
//! | a wrong setting | `service`, `commands/mistakes/table.rs`: a row for every setting |
//! | a wrong variable of OpenTelemetry | `command_line/telemetry_settings.rs` |
//! | a missing file, a secret that cannot be read, a file for a folder | `command_line/surroundings.rs` |
//! | a file that is wrong when it is read again | `command_line/reread.rs` |
//! | a full disk, at the start and later; a read-only folder | [`machine`] |
//! | a full disk at either end of a backup, a restore, a copy; what else is wrong with them | [`backups`], [`copies`] |
//! | a clock that jumps: the machine's, PostgreSQL's | [`machine`], [`clock`] |
//! | a collector that is away, slow, silent or refuses | `command_line/telemetry_faults.rs` |
//! | a PostgreSQL that refuses logins, at the start and later | `command_line/surroundings.rs`, [`postgres`] |
//! | a PostgreSQL that is away, stands still or comes late; a network that is cut | [`postgres`] |
//! | an issuer that is away, or says nothing | [`sessions`] |
//! | processes that are killed; a store that is set back | [`durability`], [`restores`], [`rotations`] |
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod backups;
mod clock;
mod copies;
mod disk;
mod durability;
mod machine;
mod postgres;
mod restores;
mod rotations;
mod sessions;
