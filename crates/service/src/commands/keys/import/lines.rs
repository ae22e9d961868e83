//! The lines of a file, of which one is in memory at a time.

use std::io::{self, BufRead as _, BufReader, Read};

use zeroize::{Zeroize as _, Zeroizing};

/// More than any line needs.
const LONGEST: usize = 64 * 1024;
const TOO_LONG: &str = "is longer than 64 KiB";

/// A line and its number, or why it was not read.
type Numbered<'l> = (u64, Result<&'l [u8], &'static str>);

/// Reads lines. They may hold secrets, so each is wiped before the next is read.
pub(super) struct Lines {
    input: BufReader<Box<dyn Read>>,
    line: Zeroizing<Vec<u8>>,
    number: u64,
}

impl Lines {
    pub(super) fn new(input: Box<dyn Read>) -> Self {
        // The whole length at once: a buffer that grew would leave copies behind in memory.
        Self {
            input: BufReader::new(input),
            line: Zeroizing::new(Vec::with_capacity(LONGEST + 2)),
            number: 0,
        }
    }

    /// The number of the line that was read last, from one on.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not empty, with its number; `None` at the end. One that is too long is passed over, and that is
    /// said in its place.
    pub(super) fn next(&mut self) -> io::Result<Option<Numbered<'_>>> {
        loop {
            self.number += 1;
            // Not its capacity, of which everything behind was wiped with the line that it was of.
            self.line.as_mut_slice().zeroize();
            self.line.clear();
            let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
            if self.input.by_ref().take(limit).read_until(b'\n', &mut self.line)? == 0 {
                self.number -= 1;
                return Ok(None);
            }
            if self.line.len() > LONGEST && !self.line.ends_with(b"\n") {
                self.pass_over()?;
                return Ok(Some((self.number, Err(TOO_LONG))));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.line.trim_ascii();
        // Some programs begin a file of UTF-8 with a byte order mark.
        let line = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        Ok(Some((self.number, Ok(line))))
    }

    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let read = self.input.fill_buf()?;
            let end = read.iter().position(|byte| *byte == b'\n');
            let passed = end.map_or(read.len(), |end| end + 1);
            let is_over = end.is_some() || read.is_empty();
            self.input.consume(passed);
            if is_over {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<u8>, &'static str>)> {
        let mut lines = Lines::new(Box::new(io::Cursor::new(text.to_vec())));
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            all.push((number, line.map(<[u8]>::to_vec)));
        }
        all
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does_and_empty_ones_passed_over() {
        let line = |number, text: &str| (number, Ok(text.as_bytes().to_vec()));
        assert_eq!(read(b"a\n\n \r\nb\r\nc"), [line(1, "a"), line(4, "b"), line(5, "c")]);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n\n"), []);
        assert_eq!(read(b"\xef\xbb\xbfa\n\xef\xbb\xbfb"), [line(1, "a"), (2, Ok(b"\xef\xbb\xbfb".to_vec()))]);
    }

    #[test]
    fn a_line_that_is_too_long_does_not_hide_the_next() {
        let long = "x".repeat(300_000);
        let fits = "y".repeat(LONGEST);
        let all = read(format!("a\n{long}\nb\n{fits}\nc\n{long}").as_bytes());
        let numbers: Vec<_> = all.iter().map(|(number, line)| (*number, line.is_ok())).collect();
        assert_eq!(numbers, [(1, true), (2, false), (3, true), (4, true), (5, true), (6, false)]);
    }

    proptest! {
        #[test]
        fn each_line_has_the_number_that_it_has_in_the_text(text in "[ab\n\r ]{0,60}") {
            let expected: Vec<_> = (1..).zip(text.split('\n')).filter(|(_, line)| !line.trim().is_empty())
                .map(|(number, line)| (number, Ok(line.trim().as_bytes().to_vec()))).collect();
            prop_assert_eq!(read(text.as_bytes()), expected);
        }
    }
}
