//! Where a request came from, for the audit log.

use core::net::IpAddr;

use arrayvec::ArrayString;

use super::text::shows_text;

/// What ties an answer, its log line and its audit event together: 1 to 128 visible ASCII
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(ArrayString<128>);

impl RequestId {
    /// Accepts the caller's own id; `None` where it breaks the rule.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        ArrayString::from(text).ok().filter(|_| fits).map(Self)
    }

    /// A new one: 32 hexadecimal digits.
    #[must_use]
    pub fn from_random(random: [u8; 16]) -> Self {
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half & 15)]);
        let mut text = ArrayString::new();
        for byte in random {
            text.push(digit(byte >> 4));
            text.push(digit(byte));
        }
        Self(text)
    }
}

shows_text!(RequestId);

/// What is known of a request besides its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// Its id.
    pub request_id: RequestId,
    /// The address at the other end of the connection; none for commands on the store.
    pub peer: Option<IpAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_ascii_of_up_to_128_characters_is_taken_over() {
        assert!(RequestId::parse(&"a".repeat(128)).is_some());
        for text in ["", " ", "a b", "é", "a\n", &"a".repeat(129)] {
            assert!(RequestId::parse(text).is_none(), "{text}");
        }
        assert_eq!(RequestId::from_random([1; 16]).as_str().len(), 32);
    }
}
