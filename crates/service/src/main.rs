//! The binary `capykeys`, on the stores that come with it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    capykeys_service::run(&[])
}
