//! Texts that people give: kept byte for byte, or refused.

use alloc::{boxed::Box, string::String};

use super::Invalid;

const LENGTH_RULE: &str = "must be 1 to 200 characters long";
const BLANK_RULE: &str = "must not consist of white space and invisible characters alone";
const CONTROL_RULE: &str = "must not contain control characters";
const MAX_CHARS: usize = 200;

fn check(field: &'static str, text: &str) -> Result<(), Invalid> {
    check_stored(field, text)?;
    if text.chars().all(|c| c.is_whitespace() || is_ignorable(c)) {
        return Err(Invalid::new(field, BLANK_RULE));
    }
    Ok(())
}

/// The rules that have held for whatever was stored.
fn check_stored(field: &'static str, text: &str) -> Result<(), Invalid> {
    let rule = if text.is_empty() || text.chars().count() > MAX_CHARS {
        LENGTH_RULE
    } else if text.chars().any(char::is_control) {
        CONTROL_RULE
    } else {
        return Ok(());
    };
    Err(Invalid::new(field, rule))
}

/// Whether the character shows as nothing: Unicode's property `Default_Ignorable_Code_Point`
/// (DerivedCoreProperties.txt of Unicode 17.0), and the blank Braille pattern, which is drawn without
/// a dot. The ranges hold unassigned characters too, and so are not moved by later versions.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Gives what holds a text a way to read it.
macro_rules! shows_text {
    ($name:ident) => {
        impl $name {
            /// The text, byte for byte as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use shows_text;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 200 characters (Unicode scalar values), not all of them white space or invisible, no
        /// control characters. Never trimmed nor normalised: Terraform compares it byte for byte.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Accepts the text as it stands.
            ///
            /// # Errors
            /// [`Invalid`] where it breaks a rule.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                check($field, text)?;
                Ok(Self(text.into()))
            }

            /// Accepts what a store holds: it may have been accepted before texts that show as nothing
            /// were refused, and one such text must not make a whole listing unreadable.
            ///
            /// # Errors
            /// [`Invalid`] where it breaks another rule.
            pub fn from_stored(text: &str) -> Result<Self, Invalid> {
                check_stored($field, text)?;
                Ok(Self(text.into()))
            }
        }

        shows_text!($name);
    };
}

text! {
    /// What a person calls a key.
    KeyName, "name"
}
text! {
    /// The device that a key was made on.
    DeviceName, "device_name"
}
text! {
    /// What an organization is called.
    OrganizationName, "name"
}
text! {
    /// Why an organization was suspended.
    SuspensionReason, "suspended_reason"
}

text! {
    /// Why a key was disabled.
    DisablingReason, "reason"
}

/// An organization's name in addresses: 1 to 200 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slug(Box<str>);

impl Slug {
    /// Accepts the text as it stands.
    ///
    /// # Errors
    /// [`Invalid`] where another character stands in it, or none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.is_empty() || text.len() > MAX_CHARS || !text.bytes().all(allowed) {
            return Err(Invalid::new("slug", "must be 1 to 200 characters from a-z, 0-9 and -"));
        }
        Ok(Self(text.into()))
    }

    /// A slug made of any text: what does not fit becomes `-`.
    #[must_use]
    pub fn from_any(text: &str) -> Self {
        let fit = |c: char| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => c,
            _ => '-',
        };
        let slug: String = text.chars().take(MAX_CHARS).map(fit).collect();
        Self(if slug.is_empty() { "-".into() } else { slug.into() })
    }
}

shows_text!(Slug);

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn names_of_every_script_are_kept_byte_for_byte() {
        for name in ["CI", " padded ", "שלום עולם", "👩‍👩‍👧‍👦", "e\u{301}", "\"quoted\" \\ '", "\u{202e}abc"]
        {
            assert_eq!(KeyName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(KeyName::parse(&"é".repeat(200)).is_ok());
        assert!(KeyName::parse(&"é".repeat(201)).is_err());
        assert!(KeyName::parse("").is_err());
    }

    #[test]
    fn blank_names_and_control_characters_are_refused_without_repeating_them() {
        for name in ["   ", "\u{3000}\u{a0}", "a\0b", "line\nbreak", "\u{85}", "\u{7f}"] {
            let error = KeyName::parse(name).unwrap_err();
            assert_eq!(error.field(), "name");
            assert!(!error.to_string().contains(name.trim_matches(' ')) || name.trim().is_empty());
        }
    }

    #[test]
    fn a_name_that_shows_as_nothing_is_refused_as_a_blank_one_is() {
        for invisible in [
            "\u{200b}",
            "\u{200b}\u{200d}\u{feff}",
            " \u{2060} ",
            "\u{ad}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{fe0f}",
            "\u{2800}",
            "\u{e0020}",
            "\u{1d173}",
        ] {
            let error = KeyName::parse(invisible).unwrap_err();
            assert_eq!(error.to_string(), std::format!("`name` {BLANK_RULE}."), "{invisible:?}");
            assert!(DeviceName::parse(invisible).is_err() && OrganizationName::parse(invisible).is_err());
            assert!(KeyName::parse(&std::format!("a{invisible}")).is_ok(), "{invisible:?}");
        }
    }

    #[test]
    fn slugs_are_made_of_anything() {
        assert_eq!(Slug::from_any("Org_2ABC é").as_str(), "org-2abc--");
        assert_eq!(Slug::from_any("").as_str(), "-");
        assert!(Slug::parse("acme-2").is_ok());
        assert!(Slug::parse("Acme").is_err());
    }
}
