//! The log: structured lines on standard error.

use std::{
    io::{self, IsTerminal},
    panic,
};

use tracing_subscriber::{
    Registry,
    filter::{Targets, filter_fn},
    fmt,
    prelude::*,
    reload::{self, Handle},
};

use crate::{
    config::{Log, LogFormat},
    error::Error,
};

/// Never logged, whatever the filter says: they report every malformed request as an error, with the
/// parser's text, and at their lower levels the requests themselves.
const SILENCED: [&str; 2] = ["actix_http", "actix_web"];

/// Starts logging. Standard output stays free for what commands print.
///
/// Only what is written through `tracing` is logged. Records of the `log` crate are left out on
/// purpose: drivers write the parameters of their statements there.
pub(crate) fn init(log: &Log) -> Result<Level, Error> {
    let (filter, handle) = reload::Layer::new(log.filter()?);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Pretty => lines.with_target(false).compact().boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    let spoken = filter_fn(|line| !SILENCED.iter().any(|target| line.target().starts_with(target)));
    tracing_subscriber::registry().with(filter).with(lines.with_filter(spoken)).try_init()?;
    // Where, but not what: the text of a panic can hold any value.
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic");
    }));
    Ok(Level(handle))
}

/// What is logged, which may change.
pub(crate) struct Level(Handle<Targets, Registry>);

impl Level {
    pub(crate) fn set(&self, log: &Log) -> Result<(), Error> {
        Ok(self.0.reload(log.filter()?)?)
    }
}
