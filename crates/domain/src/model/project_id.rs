//! Ids of projects, which belong to another service.

use alloc::boxed::Box;

use super::{Invalid, text::shows_text};

/// The id of a project: 1 to 64 characters from `[A-Za-z0-9_-]`, without a meaning here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectId(Box<str>);

impl ProjectId {
    /// Accepts the text as it stands.
    ///
    /// # Errors
    /// [`Invalid`] for any other length or character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=64).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(Invalid::new("project_id", "must be 1 to 64 characters from A-Z, a-z, 0-9, _ and -"));
        }
        Ok(Self(text.into()))
    }
}

shows_text!(ProjectId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contracts_characters_and_lengths_are_accepted() {
        assert!(ProjectId::parse(&"a".repeat(64)).is_ok());
        assert!(ProjectId::parse("Prod_1-x").is_ok());
        for text in ["", " ", "a b", "a/b", "é", "a\n", &"a".repeat(65)] {
            assert!(ProjectId::parse(text).is_err(), "{text}");
        }
    }
}
