//! Patterns of paths.

use capykeys_domain::model::{Invalid, ProjectId};

use super::{
    Fit, RequestPath,
    path::{decoded, segments},
};

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
        RequestPath::parse(closed).filter(|_| !text.contains('?')).ok_or_else(invalid)?;
        let segments = segments(closed).unwrap_or_default().into_iter();
        let segments: Vec<Segment> = segments.map(segment).collect::<Option<_>>().ok_or_else(invalid)?;
        let projects = segments.iter().filter(|segment| **segment == Segment::Project).count();
        if projects > 1 {
            return Err(invalid());
        }
        Ok(Self { segments, open })
    }

    /// Whether the pattern names a project.
    pub(super) fn names_project(&self) -> bool {
        self.segments.contains(&Segment::Project)
    }

    /// Whether the path is of this form. It nearly is where a segment differs by its case alone, by
    /// white space around it or by an extension, which some servers do not look at, or stands for a
    /// project and cannot be a project's id.
    pub(super) fn fit(&self, path: &RequestPath<'_>) -> Fit {
        let (own, others) = (self.segments.len(), path.0.len());
        if others < own || (others > own && !self.open) {
            return Fit::Not;
        }
        let mut fit = Fit::Exactly(None);
        for (segment, text) in self.segments.iter().zip(&path.0) {
            fit = fit.and(segment.fit(text));
        }
        fit
    }

    /// Whether every path of the other form is of this one too, in whatever spelling.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let (own, others) = (self.segments.len(), other.segments.len());
        let long_enough = others >= own && (self.open || (!other.open && others == own));
        long_enough && self.segments.iter().zip(&other.segments).all(|(own, other)| own.covers(other))
    }
}

impl Segment {
    fn fit(&self, text: &str) -> Fit {
        match self {
            Self::Any => Fit::Exactly(None),
            Self::Project => {
                ProjectId::parse(text).map_or(Fit::Nearly, |project| Fit::Exactly(Some(project)))
            }
            Self::Literal(literal) if literal == text => Fit::Exactly(None),
            Self::Literal(literal) if is_spelling_of(literal, text) => Fit::Nearly,
            Self::Literal(_) => Fit::Not,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (Self::Project, Self::Project) => true,
            (_, Self::Literal(text)) => self.fit(text) != Fit::Not,
            (_, Self::Any | Self::Project) => false,
        }
    }
}

/// Whether a server that does not look at case, at white space around a name or at an extension takes
/// `text` for `literal`.
fn is_spelling_of(literal: &str, text: &str) -> bool {
    let mut text = folded(text);
    folded(literal).all(|letter| text.next() == Some(letter)) && matches!(text.next(), None | Some('.'))
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    // In both directions: some letters have one that is their own in the other case alone.
    text.trim().chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

fn segment(text: &str) -> Option<Segment> {
    match text {
        "*" => Some(Segment::Any),
        "{project}" => Some(Segment::Project),
        _ if text.contains(['*', '{', '}']) => None,
        _ => decoded(text).map(|text| Segment::Literal(text.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit(pattern: &str, target: &str) -> Fit {
        PathPattern::parse(pattern).unwrap().fit(&RequestPath::parse(target).unwrap())
    }

    fn exactly(project: &str) -> Fit {
        Fit::Exactly(ProjectId::parse(project).ok())
    }

    #[test]
    fn a_pattern_fits_whole_segments() {
        for (pattern, target, expected) in [
            ("/", "/", exactly("")),
            ("/", "/a", Fit::Not),
            ("/a", "/a/", exactly("")),
            ("/a", "/a?b=c", exactly("")),
            ("/a", "/%61", exactly("")),
            ("/%61", "/a", exactly("")),
            ("/a%2A", "/a*", exactly("")),
            ("/a:b", "/a%3Ab", exactly("")),
            ("/a", "/ab", Fit::Not),
            ("/a/*", "/a/b", exactly("")),
            ("/a/*", "/a", Fit::Not),
            ("/a/*", "/a/b/c", Fit::Not),
            ("/**", "/", exactly("")),
            ("/**", "/a/b/c", exactly("")),
            ("/a/**", "/a", exactly("")),
            ("/a/**", "/b", Fit::Not),
            ("/p/{project}/**", "/p/p_1/jobs", exactly("p_1")),
            ("/p/{project}/**", "/%70/p%5F1/jobs", exactly("p_1")),
            ("/p/{project}/**", "/p", Fit::Not),
        ] {
            assert_eq!(fit(pattern, target), expected, "{pattern} {target}");
        }
    }

    #[test]
    fn another_spelling_nearly_fits() {
        for (pattern, target) in [
            ("/admin", "/Admin"),
            ("/Admin/**", "/ADMIN/x"),
            ("/admin", "/admin%20"),
            ("/admin", "/%20admin%C2%A0/"),
            ("/admin", "/admin.json"),
            ("/admin/*", "/Admin/x"),
            ("/kasse", "/%E2%84%AAasse"),
            ("/stra%C3%9Fe", "/STRASSE"),
            ("/p/{project}/**", "/p/p_1%20/x"),
            ("/p/{project}", "/p/not%20one"),
        ] {
            assert_eq!(fit(pattern, target), Fit::Nearly, "{pattern} {target}");
        }
        assert_eq!(fit("/admin/{project}", "/other/not%20one"), Fit::Not);
    }

    #[test]
    fn a_form_covers_those_that_say_more() {
        let covers = |one: &str, other: &str| {
            PathPattern::parse(one).unwrap().covers(&PathPattern::parse(other).unwrap())
        };
        for (wide, narrow) in [
            ("/**", "/a/*"),
            ("/a/**", "/a"),
            ("/a/**", "/a/b/**"),
            ("/a/*", "/a/b"),
            ("/a/*", "/a/{project}"),
            ("/a/{project}", "/a/b"),
            ("/a", "/A"),
        ] {
            assert!(covers(wide, narrow) && covers(wide, wide) && covers(narrow, narrow), "{wide} {narrow}");
            assert!(narrow == "/A" || !covers(narrow, wide), "{wide} {narrow}");
        }
        assert!(!covers("/a", "/b") && !covers("/a/b", "/a") && !covers("/a/*", "/a/**"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in
            ["", "a", "/a/**/b", "/**/**", "/a*", "/{project}/{project}", "/{other}", "/a?b", "/a//b", "/%2e"]
        {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = PathPattern::parse(&text);
        }
    }
}
