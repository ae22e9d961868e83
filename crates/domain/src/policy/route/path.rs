//! Paths, and patterns of them.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::model::{Invalid, ProjectId};

/// The path of a request that means the same to everybody.
///
/// Gateways and servers decode, merge and shorten paths in ways of their own, so a path that leaves
/// room for that could be judged as one and served as another. Such a path is none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a>(Vec<&'a str>);

impl<'a> RequestPath<'a> {
    /// From a request's target (RFC 9112, section 3.2.1), whose query is not looked at. `None` where
    /// it is no path, has a segment that is empty, `.` or `..`, a backslash, a `;`, a character that
    /// is not visible ASCII, an escape of what needs none (RFC 3986, section 2.3), of a separator, of
    /// a control character or of a percent sign, or one that is malformed. One `/` at the end says
    /// nothing.
    #[must_use]
    pub fn parse(target: &'a str) -> Option<Self> {
        let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            // "/" alone; "//" has an empty segment.
            return (!target.starts_with("//")).then(|| Self(Vec::new()));
        }
        let segments: Vec<&str> = path.split('/').collect();
        segments.iter().all(|segment| is_plain(segment)).then_some(Self(segments))
    }
}

fn is_plain(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b';';
    let escapes = segment.split('%').skip(1);
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(allowed)
        && escapes.into_iter().all(|rest| rest.get(..2).and_then(escaped).is_some_and(needs_escape))
}

fn escaped(digits: &str) -> Option<u8> {
    // The parser of numbers would take a sign too.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

fn needs_escape(byte: u8) -> bool {
    let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !unreserved && !byte.is_ascii_control() && !b"/\\%;".contains(&byte)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `*`
    Any,
    /// `{project}`
    Project,
}

/// Paths of one form, such as `/v1/projects/{project}/jobs/**`: `{project}` and `*` stand for one
/// segment each, and `**` at the end for any number, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<Segment>,
    open: bool,
}

/// That a path is of a pattern's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathMatch {
    /// The project that it names, where the pattern says so.
    pub project: Option<ProjectId>,
}

impl PathPattern {
    /// # Errors
    /// [`Invalid`] for `path` where it is no pattern.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = "must be a path such as /v1/projects/{project}/jobs/**, with ** at its end alone and \
                    {project} once at most";
        let invalid = || Invalid::new("path", rule);
        let (closed, open) = match text.strip_suffix("/**") {
            Some(rest) => (if rest.is_empty() { "/" } else { rest }, true),
            None => (text, false),
        };
        let path = RequestPath::parse(closed).filter(|_| !text.contains(['?', '#'])).ok_or_else(invalid)?;
        let segments: Vec<Segment> =
            path.0.iter().map(|text| segment(text)).collect::<Option<_>>().ok_or_else(invalid)?;
        let projects = segments.iter().filter(|segment| **segment == Segment::Project).count();
        if projects > 1 {
            return Err(invalid());
        }
        Ok(Self { segments, open })
    }

    /// Whether the pattern names a project.
    #[must_use]
    pub fn names_project(&self) -> bool {
        self.segments.contains(&Segment::Project)
    }

    /// Whether the path is of this form. A segment that cannot be a project's id is none.
    #[must_use]
    pub fn matches(&self, path: &RequestPath<'_>) -> Option<PathMatch> {
        let (own, others) = (self.segments.len(), path.0.len());
        if others < own || (others > own && !self.open) {
            return None;
        }
        let mut project = None;
        for (segment, text) in self.segments.iter().zip(&path.0) {
            match segment {
                Segment::Literal(literal) if literal != text => return None,
                Segment::Literal(_) | Segment::Any => {}
                Segment::Project => project = Some(ProjectId::parse(text).ok()?),
            }
        }
        Some(PathMatch { project })
    }
}

fn segment(text: &str) -> Option<Segment> {
    match text {
        "*" => Some(Segment::Any),
        "{project}" => Some(Segment::Project),
        _ if text.contains(['*', '{', '}']) => None,
        _ => Some(Segment::Literal(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::string::ToString;

    use super::*;

    /// The project, or `-` where the pattern names none.
    fn matches(pattern: &str, target: &str) -> Option<String> {
        let pattern = PathPattern::parse(pattern).unwrap();
        let PathMatch { project } = pattern.matches(&RequestPath::parse(target)?)?;
        Some(project.map_or("-".to_owned(), |project| project.to_string()))
    }

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
            "/%61",
            "/%7E",
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
        ] {
            assert_eq!(RequestPath::parse(target), None, "{target}");
        }
        for target in
            ["/", "/a", "/a/", "/a/b.c/~d", "/a?x=//../%2f", "/a%20b", "/a%C3%A9", "/...", "/a:b@c", "/?/"]
        {
            assert!(RequestPath::parse(target).is_some(), "{target}");
        }
    }

    #[test]
    fn a_pattern_fits_whole_segments() {
        for (pattern, target, expected) in [
            ("/", "/", Some("-")),
            ("/", "/a", None),
            ("/a", "/a/", Some("-")),
            ("/a", "/a?b=c", Some("-")),
            ("/a", "/ab", None),
            ("/a/*", "/a/b", Some("-")),
            ("/a/*", "/a", None),
            ("/a/*", "/a/b/c", None),
            ("/**", "/", Some("-")),
            ("/**", "/a/b/c", Some("-")),
            ("/a/**", "/a", Some("-")),
            ("/a/**", "/b", None),
            ("/p/{project}/**", "/p/p_1/jobs", Some("p_1")),
            ("/p/{project}/**", "/p", None),
            ("/p/{project}", "/p/not%20one", None),
        ] {
            assert_eq!(matches(pattern, target).as_deref(), expected, "{pattern} {target}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in
            ["", "a", "/a/**/b", "/**/**", "/a*", "/{project}/{project}", "/{other}", "/a?b", "/a//b", "/%61"]
        {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_target_makes_it_panic(target: String) {
            let _ = (RequestPath::parse(&target), PathPattern::parse(&target));
        }

        #[test]
        fn decoding_a_path_makes_no_new_segments(target in r"/[a-c/.%;\\0-9A-F~]{0,12}") {
            if let Some(path) = RequestPath::parse(&target) {
                prop_assert!(path.0.iter().all(|segment| !matches!(*segment, "" | "." | "..")));
                for escape in target.split('%').skip(1) {
                    let byte = u8::from_str_radix(&escape[..2], 16).unwrap();
                    prop_assert!(!b"/.\\%;".contains(&byte) && !byte.is_ascii_alphanumeric());
                }
            }
        }
    }
}
