//! What arrives, before the dispatcher parses it: where heads, bodies and chunks end.
//!
//! The dispatcher ends a line at a line feed that stands alone, as RFC 9112 (section 2.2) allows, and
//! takes a `#` in a target for the end of it. A proxy in front may do neither, and would then have seen
//! another request than the one that is answered here. Both are refused.

use memchr::{memchr, memchr_iter};

use crate::{error::ApiError, exchange::AUTHORIZE};

/// The most bytes that a head may have. The dispatcher panics on the name of a header of 64 KiB or
/// more (actix-http 3.20, `h1/decoder.rs`), so it never gets to see one.
const MAX_BYTES: usize = 64 * 1024 - 1;

/// What comes next. It has to be what the dispatcher takes it for, wherever that goes on at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// A line of a head.
    #[default]
    Head,
    /// So many bytes of a body; no end of them where the dispatcher refuses what it should be.
    Body(u64),
    /// The line before a chunk.
    Size,
    /// So many bytes of a chunk and of the line end behind it.
    Chunk(u64),
    /// A line behind the last chunk.
    Trailer,
}

const NO_END: Next = Next::Body(u64::MAX);

/// How far a client's requests have come.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    next: Next,
    /// The head so far, or another line.
    text: Vec<u8>,
    /// Where its last line begins.
    line: usize,
    /// Whether a gateway has asked.
    of_gateway: bool,
}

/// Why nothing more is read.
#[derive(Debug)]
pub(super) struct Fault {
    /// How much of what has arrived stands before it.
    pub(super) sound: usize,
    /// What is to be said, if that is not left to whoever reads the body.
    pub(super) error: Option<ApiError>,
}

impl Inbound {
    /// Whether a gateway has asked on this connection.
    pub(super) const fn is_of_gateway(&self) -> bool {
        self.of_gateway
    }

    /// Takes in what has arrived.
    ///
    /// # Errors
    /// [`Fault`] where nothing of it may be read beyond a certain point.
    pub(super) fn take_in(&mut self, arrived: &[u8]) -> Result<(), Fault> {
        let (mut rest, mut sound) = (arrived, 0);
        while !rest.is_empty() {
            rest = match self.next {
                Next::Body(left) => self.skip(rest, left, Next::Body, Next::Head),
                Next::Chunk(left) => self.skip(rest, left, Next::Chunk, Next::Size),
                Next::Head | Next::Size | Next::Trailer => {
                    self.take_line(rest).map_err(|error| Fault { sound, error })?
                }
            };
            if self.text.is_empty() && self.next != Next::Trailer {
                sound = arrived.len() - rest.len();
            }
        }
        Ok(())
    }

    fn skip<'a>(&mut self, rest: &'a [u8], left: u64, same: fn(u64) -> Next, then: Next) -> &'a [u8] {
        let length = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let left = left - length as u64;
        self.next = if left == 0 { then } else { same(left) };
        &rest[length..]
    }

    /// Takes in what belongs to the line, and gives what does not.
    fn take_line<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], Option<ApiError>> {
        let end = memchr(b'\n', rest).map(|end| end + 1);
        let (line, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.text.extend_from_slice(line);
        let is_head = self.next == Next::Head;
        if is_head && is_of_gateway(&self.text) {
            self.of_gateway = true;
        }
        if self.text.len() > MAX_BYTES {
            return Err(is_head.then_some(ApiError::HeadTooLarge));
        }
        if end.is_some() {
            let bare = || is_head.then(|| ApiError::invalid("A line ends in a line feed alone."));
            let line = self.text[self.line..].strip_suffix(b"\r\n").ok_or_else(bare)?;
            if is_head && self.line == 0 && line.contains(&b'#') {
                return Err(Some(ApiError::invalid("A request's target has no fragment.")));
            }
            self.end_line();
        }
        Ok(rest)
    }

    fn end_line(&mut self) {
        let is_empty = self.text[self.line..] == *b"\r\n";
        self.line = 0;
        self.next = match self.next {
            Next::Head if !is_empty => {
                self.line = self.text.len();
                return;
            }
            // Also of an empty line before a request (RFC 9112, section 2.2), which is none of it.
            Next::Head => after_head(&self.text),
            Next::Size => after_size(&self.text),
            Next::Trailer if is_empty => Next::Head,
            unchanged => unchanged,
        };
        self.text.clear();
    }
}

fn is_of_gateway(head: &[u8]) -> bool {
    let target = head.iter().position(|&byte| byte == b' ').and_then(|method| head.get(method + 1..));
    target.is_some_and(|target| target.starts_with(AUTHORIZE.as_bytes()))
}

/// What follows a head, in the order in which the dispatcher decides. Where it takes all that follows
/// for a stream, no request comes any more, and it does not matter.
fn after_head(head: &[u8]) -> Next {
    let mut next = Next::Head;
    let mut ends = memchr_iter(b'\n', head);
    let mut start = ends.next().map_or(head.len(), |end| end + 1);
    for end in ends {
        let line = &head[start..end];
        start = end + 1;
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Next::Size;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            next = length.map_or(NO_END, Next::Body);
        }
    }
    next
}

fn after_size(line: &[u8]) -> Next {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let size = str::from_utf8(&line[..digits]).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match size {
        Some(0) => Next::Trailer,
        Some(size) => size.checked_add(2).map_or(NO_END, Next::Chunk),
        None => NO_END,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const HEAD: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
    const BARE: &str = "GET / HTTP/1.1\nhost: test\r\n\r\n";

    fn take_in(text: &str) -> Result<(), Fault> {
        Inbound::default().take_in(text.as_bytes())
    }

    fn body(lines: &str, body: &str) -> String {
        format!("POST / HTTP/1.1\r\nhost: test\r\n{lines}\r\n\r\n{body}")
    }

    #[test]
    fn a_head_may_be_as_large_as_the_limit_and_its_body_does_not_count() {
        let line = format!("GET / HTTP/1.1\r\ncontent-length: {MAX_BYTES}\r\nx: ");
        let head = format!("{line}{}\r\n\r\n", "a".repeat(MAX_BYTES - line.len() - 4));
        assert_eq!(head.len(), MAX_BYTES);
        assert!(take_in(&(head.clone() + &"\n".repeat(MAX_BYTES))).is_ok());
        assert!(take_in(&head.replacen("x: ", "xx: ", 1)).is_err());
        assert!(take_in(&"a".repeat(MAX_BYTES)).is_ok() && take_in(&"a".repeat(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn a_line_feed_alone_is_refused_in_every_head_and_nowhere_else() {
        for before in [
            String::new(),
            "\r\n\r\n".to_owned(),
            HEAD.to_owned(),
            body("content-length: 3", "\n\n\n"),
            body("Transfer-Encoding: chunked", "2;x=y\r\n\n\n\r\n1\r\n\n\r\n0\r\nx: y\r\n\r\n"),
            body("content-length: 0", ""),
        ] {
            for bare in [BARE, "GET / HTTP/1.1\r\nhost: test\r\n\n", "\nGET / HTTP/1.1\r\n", "\r\n\n"] {
                let fault = take_in(&(before.clone() + bare)).unwrap_err();
                assert!(fault.error.is_some(), "{before}{bare}");
                let blank = if bare.starts_with('\r') { 2 } else { 0 };
                assert_eq!(fault.sound, before.len() + blank, "{before}{bare}");
            }
            assert!(take_in(&(before + HEAD)).is_ok());
        }
    }

    #[test]
    fn a_line_feed_alone_behind_the_last_chunk_leaves_the_body_without_its_end() {
        for trailers in ["\n\r\n", "x: y\n\r\n", "x: y\r\n\n"] {
            let text = body("transfer-encoding: chunked", &format!("0\r\n{trailers}"));
            let fault = take_in(&text).unwrap_err();
            assert!(fault.error.is_none() && fault.sound <= text.len() - trailers.len(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_chunk_is_left_to_whoever_reads_the_body() {
        let endless = format!("2;{}", "x".repeat(MAX_BYTES));
        for chunk in ["2\nab\r\n0\r\n\r\n", "2\r\nab\r\n0\n\r\n", &endless] {
            let fault = take_in(&body("transfer-encoding: chunked", chunk)).unwrap_err();
            assert!(fault.error.is_none(), "{chunk:.20}");
        }
    }

    #[test]
    fn a_fragment_is_refused_in_targets_alone() {
        assert!(take_in("GET /#a HTTP/1.1\r\n").is_err() && take_in("GET /?#a HTTP/1.1\r\n").is_err());
        assert!(take_in("GET / HTTP/1.1\r\nx: #\r\n\r\n").is_ok());
    }

    #[test]
    fn a_gateway_is_known_by_where_it_asks() {
        for (text, expected) in [
            ("GET /authorize/x HTTP/1.1\n", true),
            ("GET /authorize/", true),
            ("GET /authoriz", false),
            ("GET /livez?/authorize/ HTTP/1.1\r\n", false),
            ("GET / HTTP/1.1\r\nx: /authorize/ \r\n\r\n", false),
        ] {
            let mut inbound = Inbound::default();
            let _ = inbound.take_in(text.as_bytes());
            assert_eq!(inbound.is_of_gateway(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_it_arrives(
            parts in vec(prop_oneof![
                Just(HEAD.to_owned()), Just(BARE.to_owned()), Just("\r\n".to_owned()),
                Just(body("content-length: 4", "\r\n\n\n")),
                Just(body("transfer-encoding: chunked", "3\r\n\n\n\n\r\n0\r\n\r\n")),
                Just(body("transfer-encoding: chunked", "0\r\na\n\r\n")),
                ".{0,9}",
            ], 0..5),
            piece in 1_usize..40,
        ) {
            let text = parts.concat();
            let whole = take_in(&text).map_err(|fault| fault.sound);
            let (mut inbound, mut before, mut pieces) = (Inbound::default(), 0, Ok(()));
            for piece in text.as_bytes().chunks(piece) {
                if let Err(fault) = inbound.take_in(piece) {
                    pieces = Err(before + fault.sound);
                    break;
                }
                before += piece.len();
            }
            prop_assert_eq!(whole.is_ok(), pieces.is_ok());
            // What had arrived earlier is with the dispatcher already.
            if let (Err(whole), Err(pieces)) = (whole, pieces) {
                prop_assert!(pieces >= whole);
            }
        }
    }
}
