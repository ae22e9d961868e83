//! The path below which the API is served.

/// The path below which the API is served: empty, or segments such as `/api/keys`, with no slash at
/// the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The rule that [`BasePath::parse`] keeps to, for whoever sets one.
    pub const RULE: &str = "must be empty, or begin with / and have no / at its end; its segments have \
                            letters, digits, `-`, `_`, `~` and `.`, and are neither . nor ..";

    /// Accepts the text as it stands. `None` where it breaks the [rule](BasePath::RULE): paths are
    /// compared byte by byte, so none may be written in two ways.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let segments = match text.strip_prefix('/') {
            Some(rest) => rest.split('/').all(is_segment),
            None => text.is_empty(),
        };
        segments.then(|| Self(text.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'.');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_plain_segments_are_base_paths() {
        for text in ["", "/api", "/api/capydb", "/v2.1/a-b_c~d"] {
            assert_eq!(BasePath::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_could_be_a_pattern_or_be_written_otherwise_is_none() {
        for text in [
            "/", "api", "/api/", "//api", "/a//b", "/a/../b", "/.", "/{x}", "/a%2Fb", "/a b", "/a?b", "/é",
            "/a*",
        ] {
            assert_eq!(BasePath::parse(text), None, "{text}");
        }
    }
}
