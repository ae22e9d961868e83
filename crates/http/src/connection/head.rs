//! The size of a request's head, before it is parsed.

/// The most bytes that a head may have. The dispatcher panics on the name of a header of 64 KiB or
/// more (actix-http 3.20, `h1/decoder.rs`), so it never gets to see one.
const MAX_BYTES: usize = 64 * 1024 - 1;

const END: &[u8; 4] = b"\r\n\r\n";

/// How much of a head has arrived.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: usize,
    /// How much of [`END`] the last bytes were.
    matched: usize,
}

impl Head {
    /// Takes in what has arrived; what follows the head's end does not count. False where the head
    /// is too large.
    pub(super) fn take_in(&mut self, arrived: &[u8]) -> bool {
        for &byte in arrived {
            if self.matched == END.len() {
                break;
            }
            self.bytes += 1;
            self.matched = match (byte == END[self.matched], byte) {
                (true, _) => self.matched + 1,
                (false, b'\r') => 1,
                (false, _) => 0,
            };
        }
        self.bytes <= MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_may_be_as_large_as_the_limit_and_its_body_does_not_count() {
        let mut head = Head::default();
        assert!(head.take_in(&vec![b'a'; MAX_BYTES - 4]));
        assert!(head.take_in(b"\r\n\r"));
        assert!(head.take_in(b"\n"));
        assert!(head.take_in(&vec![b'a'; MAX_BYTES]));
    }

    #[test]
    fn one_byte_more_is_too_much() {
        let mut head = Head::default();
        assert!(head.take_in(&vec![b'a'; MAX_BYTES - 3]));
        assert!(!head.take_in(END));
    }

    #[test]
    fn line_ends_that_are_not_the_heads_end_do_not_end_it() {
        for text in ["a\r\nb\r\n", "\r\n\r\r\n", "\n\n", "\r\r\n\r"] {
            let mut head = Head::default();
            head.take_in(text.as_bytes());
            assert!(!head.take_in(&vec![b'a'; MAX_BYTES]), "{text:?}");
        }
    }
}
