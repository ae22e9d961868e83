//! What commands print: results to standard output, errors to standard error.

use std::{
    error::Error as StdError,
    io::{self, Write},
};

use serde::Serialize;

use crate::error::Error;

/// A text, as it stands.
pub(crate) fn text(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// A value as JSON for people and programs.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// What a person who waits would want to know, on standard error.
pub(crate) fn note(note: &str) {
    let _ = writeln!(io::stderr().lock(), "{note}");
}

/// One line on standard error. Where even that fails there is nobody left to tell.
pub(crate) fn error(error: &(dyn StdError + 'static)) {
    let _ = writeln!(io::stderr().lock(), "error: {error}");
}
