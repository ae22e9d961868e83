//! The whole service with a store of one's own: all that a team writes beside its adapter.

use std::process::ExitCode;

use capykeys_redb::Redb;
use capykeys_service::StoreKind;

fn main() -> ExitCode {
    capykeys_service::run(&[StoreKind::of::<Redb>("redb")])
}
