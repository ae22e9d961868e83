//! HTTP/1 messages, kept byte for byte.

use std::{
    fmt,
    io::{self, Read},
};

use capykeys_tests::secrets;
use serde_json::Value;

/// A request or an answer as it came over the wire.
#[derive(Clone, Default)]
pub(crate) struct Message {
    /// The request line or the status line.
    pub(crate) start: String,
    /// The header lines, in their order: the names as they were written, the values without white
    /// space around them.
    pub(crate) headers: Vec<(String, String)>,
    /// What of this kind follows a chunked body.
    pub(crate) trailers: Vec<(String, String)>,
    /// The body, without what frames it.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} occurs {} times: {self:?}", values.len());
        values.first().copied()
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        let code = self.start.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("not an answer: {self:?}"))
    }

    /// Fails where this is no refusal of capykeys that has come through whole.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16) {
        assert_eq!(self.status(), status, "{self:?}");
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        assert!(body["error"].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{self:?}");
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{self:?}");
        let told = |name| self.header(name).unwrap_or_default();
        let complete = match status {
            401 => told("www-authenticate").starts_with("Bearer"),
            503 => told("retry-after").parse::<u32>().is_ok(),
            _ => true,
        };
        assert!(complete, "{self:?}");
    }
}

/// For the message of a test that fails, which tells no secrets.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let text = format!("{:.200} {:?} {body:.200} {:?}", self.start, self.headers, self.trailers);
        match secrets::found_in(&text) {
            Some(kind) => write!(f, "{:.200} (a message with {kind})", self.start),
            None => f.write_str(&text),
        }
    }
}

/// Reads messages off a connection.
pub(crate) struct Reader<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: Read> Reader<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// The next request; none where the connection has ended before it.
    pub(crate) fn request(&mut self) -> io::Result<Option<Message>> {
        let Some(mut message) = self.head()? else { return Ok(None) };
        message.body = self.framed(&mut message)?.unwrap_or_default();
        Ok(Some(message))
    }

    /// The next answer that is not an interim one; none where the connection has ended before it.
    pub(crate) fn answer(&mut self) -> io::Result<Option<Message>> {
        loop {
            let Some(mut message) = self.head()? else { return Ok(None) };
            if message.status() < 200 {
                continue;
            }
            message.body = match self.framed(&mut message)? {
                Some(body) => body,
                None if matches!(message.status(), 204 | 304) => Vec::new(),
                None => self.rest()?,
            };
            return Ok(Some(message));
        }
    }

    /// The start of the next message; none where the connection has ended before it.
    pub(crate) fn head(&mut self) -> io::Result<Option<Message>> {
        let Some(start) = self.line()? else { return Ok(None) };
        Ok(Some(Message { start, headers: self.fields()?, ..Message::default() }))
    }

    /// Header or trailer lines, up to the empty line that ends them.
    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    /// A body that says where it ends.
    fn framed(&mut self, message: &mut Message) -> io::Result<Option<Vec<u8>>> {
        if !message.all("transfer-encoding").is_empty() {
            return self.chunks(message).map(Some);
        }
        let Some(length) = message.all("content-length").first().copied() else { return Ok(None) };
        let length = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        self.take(length).map(Some)
    }

    fn chunks(&mut self, message: &mut Message) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            if size == 0 {
                message.trailers = self.fields()?;
                return Ok(body);
            }
            body.extend(self.take(size)?);
            let _ = self.line()?;
        }
    }

    /// Up to the end of a line, which is not part of it; none where there is nothing any more.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let line: Vec<_> = self.read.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]);
                return Ok(Some(line.strip_suffix('\r').unwrap_or(&line).to_owned()));
            }
            if !self.more()? {
                return if self.read.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < length {
            if !self.more()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.read.drain(..length).collect())
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? {}
        Ok(self.read.drain(..).collect())
    }

    fn more(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let length = self.stream.read(&mut buffer)?;
        self.read.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }
}
