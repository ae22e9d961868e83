//! The binary `capykeys`, on the stores that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    capykeys_service::run(&[])
}
