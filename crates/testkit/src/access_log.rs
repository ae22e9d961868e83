//! What the process logs.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

/// What the process has logged, whichever test made it: each finds its own lines by their request ids.
#[derive(Clone, Default)]
pub struct AccessLog(Arc<Mutex<Vec<u8>>>);

impl AccessLog {
    /// Captures all that is logged from now on.
    #[must_use]
    pub fn capture() -> Self {
        let captured = Self::default();
        let writer = captured.clone();
        tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(move || writer.clone())
            .init();
        captured
    }

    /// All of it, in lines of JSON.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("the log is text")
    }

    /// What the one line of the access log about this request says.
    #[must_use]
    pub fn line(&self, request_id: &str) -> Value {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
        let mut lines =
            lines.filter(|it| it["target"] == "capykeys::access" && it["fields"]["request_id"] == request_id);
        let line = lines.next().unwrap_or_else(|| panic!("no line for {request_id} in {text}"));
        assert!(lines.next().is_none(), "two lines for {request_id}");
        line["fields"].clone()
    }
}

impl Write for AccessLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
