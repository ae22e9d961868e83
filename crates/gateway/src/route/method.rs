//! Methods.

/// The method of a request that means the same to everybody. Methods differ by case (RFC 9110, section
/// 9.1), but some servers turn all letters into capital ones; so what is not written in these is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestMethod<'a>(&'a str);

impl<'a> RequestMethod<'a> {
    /// `None` where it is no method in capital letters.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
        (!text.is_empty() && text.bytes().all(allowed)).then_some(Self(text))
    }

    /// Whether a rule for the method `name` is one for this. `HEAD` is a `GET` whose answer has no body
    /// (RFC 9110, section 9.3.2), and many servers let the same code answer both.
    pub(super) fn is(self, name: &str) -> bool {
        self.0 == name || (self.0 == "HEAD" && name == "GET")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_stands_for_head_and_nothing_else_for_another() {
        let is = |method, name| RequestMethod::parse(method).unwrap().is(name);
        assert!(is("GET", "GET") && is("HEAD", "GET") && is("HEAD", "HEAD") && is("M-SEARCH", "M-SEARCH"));
        assert!(!is("GET", "HEAD") && !is("POST", "GET") && !is("OPTIONS", "GET"));
    }

    #[test]
    fn what_some_would_turn_into_capital_letters_is_none() {
        for text in ["", "get", "Get", "GET ", "G\u{130}T", "GET1", "G_T", "*"] {
            assert_eq!(RequestMethod::parse(text), None, "{text}");
        }
    }
}
