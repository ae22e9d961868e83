//! Paths.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The path of a request that means the same to everybody, as its segments, decoded.
///
/// Gateways and servers decode, merge and shorten paths in ways of their own, so a path that leaves
/// room for that could be judged as one and served as another. Such a path is none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestPath<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'a> RequestPath<'a> {
    /// From a request's target (RFC 9112, section 3.2.1). One `/` at the end says nothing. `None` where
    ///
    /// - it has a `#` or a character that is not visible ASCII, in its query too;
    /// - its path does not begin with `/`, or has a backslash, a `;`, or a segment that is empty, `.` or
    ///   `..`;
    /// - an escape is malformed, is no UTF-8, or stands for one of `.`, `/`, `\`, `;`, `?`, `#`, `%` or a
    ///   control character. Other characters may be escaped or not: it is the same path (RFC 3986,
    ///   section 6.2.2.2).
    pub(super) fn parse(target: &'a str) -> Option<Self> {
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return None;
        }
        let path = target.split('?').next()?;
        segments(path)?.into_iter().map(decoded).collect::<Option<_>>().map(Self)
    }
}

/// The segments of a path as they are written; `None` where it does not begin with `/`.
pub(super) fn segments(path: &str) -> Option<Vec<&str>> {
    let rest = path.strip_prefix('/')?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    Some(rest.strip_suffix('/').unwrap_or(rest).split('/').collect())
}

/// A segment without its escapes; `None` where others could read it otherwise.
pub(super) fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    let mut escapes = segment.split('%').skip(1);
    let is_plain = !matches!(segment, "" | "." | "..") && !segment.contains(['\\', ';']);
    if !is_plain || !escapes.all(|rest| rest.get(..2).and_then(escaped).is_some_and(may_be_escaped)) {
        return None;
    }
    percent_decode_str(segment).decode_utf8().ok()
}

fn escaped(digits: &str) -> Option<u8> {
    // The parser of numbers would take a sign too.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

fn may_be_escaped(byte: u8) -> bool {
    !byte.is_ascii_control() && !b"./\\;?#%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_that_could_be_read_in_two_ways_is_none() {
        for target in [
            "",
            "*",
            "v1",
            "http://a/b",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/.",
            "/a/..",
            "/a/../b",
            "/%2e%2e/a",
            "/%2E/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a%3bb",
            "/a%2eb",
            "/a%3fb",
            "/a%23b",
            "/a#",
            "/a#/b",
            "/a?b#c",
            "/a?b c",
            "/a?é",
            "/a?\u{1}",
            "/a%7f",
            "/a%00",
            "/a%0d",
            "/%",
            "/%4",
            "/%zz",
            "/%+1",
            "/a%252fb",
            "/é",
            "/a b",
            "/a\u{7f}",
            "/%\u{e9}a",
            "/%ff",
            "/%c0%af",
            "/%ed%a0%80",
        ] {
            assert_eq!(RequestPath::parse(target), None, "{target}");
        }
        for (target, path) in [
            ("/", &[][..]),
            ("/?/", &[]),
            ("/a", &["a"]),
            ("/a/", &["a"]),
            ("/a?x=//../%2f", &["a"]),
            ("/a/b.c/~d/...", &["a", "b.c", "~d", "..."]),
            ("/%61/%7Ed/a%2Db", &["a", "~d", "a-b"]),
            ("/a%3Ab/a:b@c", &["a:b", "a:b@c"]),
            ("/a%20b/a%C3%A9+c", &["a b", "aé+c"]),
        ] {
            assert_eq!(RequestPath::parse(target).unwrap().0, path, "{target}");
        }
    }

    proptest! {
        #[test]
        fn no_target_makes_it_panic(target: String) {
            let _ = RequestPath::parse(&target);
        }

        #[test]
        fn decoding_a_path_makes_no_new_segments(target in r"/[a-c/.%;\\0-9A-F~]{0,12}") {
            if let Some(path) = RequestPath::parse(&target) {
                for segment in &path.0 {
                    prop_assert!(!matches!(&**segment, "" | "." | "..") && !segment.contains(['/', '\\', '%', ';']));
                }
            }
        }
    }
}
