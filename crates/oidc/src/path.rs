//! Where in a token a claim is.

use std::fmt;

use capykeys_jwks::Object;
use serde_json::Value;

/// Where a claim is: `sub`, `realm_access.roles` (a member of a member), `https://example.com/roles` (a claim
/// whose name is a URL), or a JSON pointer (RFC 6901) such as `/resource_access/my.client/roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath {
    text: String,
    names: Vec<String>,
}

impl ClaimPath {
    /// Accepts visible ASCII without quotation marks, brackets, `*`, `,` and `;`; `None` for all else, an empty name, and a `~` in a pointer
    /// that is neither `~0` nor `~1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_odd = |character: char| !character.is_ascii_graphic() || "\"'`,;*[]{}".contains(character);
        let names: Option<Vec<String>> = match text.strip_prefix('/') {
            _ if text.contains(is_odd) => None,
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            // By convention claims of one's own have a name that is a URL, which has dots in it.
            None if text.contains("://") => Some(vec![text.to_owned()]),
            None => Some(text.split('.').map(str::to_owned).collect()),
        };
        let names = names.filter(|names| names.iter().all(|name| !name.is_empty()))?;
        Some(Self { text: text.to_owned(), names })
    }

    /// What is there. A `null` is a value like any other.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Object) -> Option<&'a Value> {
        let (first, others) = self.names.split_first()?;
        others.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('~');
    let mut unescaped = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = part.split_at_checked(1)?;
        unescaped.push(match sign {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        unescaped.push_str(rest);
    }
    Some(unescaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(path: &str) -> Option<Value> {
        let claims = r#"{
            "sub": "u", "a.b": 1, "realm_access": {"roles": ["r"]}, "https://example.com/roles": ["s"],
            "resource_access": {"my.client": {"roles": ["t"]}}, "x/y": {"~": 2}, "none": null, "list": [1]
        }"#;
        let claims = Object::parse(claims.as_bytes()).unwrap();
        ClaimPath::parse(path).unwrap().find(&claims).cloned()
    }

    #[test]
    fn a_claim_is_found_where_it_is() {
        for (path, found) in [
            ("sub", r#""u""#),
            ("realm_access.roles", r#"["r"]"#),
            ("/realm_access/roles", r#"["r"]"#),
            ("https://example.com/roles", r#"["s"]"#),
            ("/https:~1~1example.com~1roles", r#"["s"]"#),
            ("/resource_access/my.client/roles", r#"["t"]"#),
            ("/x~1y/~0", "2"),
            ("/a.b", "1"),
            ("none", "null"),
        ] {
            assert_eq!(find(path).map(|value| value.to_string()).as_deref(), Some(found), "{path}");
        }
        for path in
            ["a.b", "subject", "sub.x", "list.0", "/list/0", "none.x", "resource_access.my.client.roles"]
        {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn what_names_no_claim_is_refused() {
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "/",
            "//",
            "/a/",
            "/~",
            "/~2",
            "a b",
            "a,b",
            "\"a\"",
            "a\n",
            "r\u{f4}les",
        ] {
            assert_eq!(ClaimPath::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pointer_finds_a_claim_of_any_name(name in "[a-z~/.:]{1,8}") {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let claims = Object::parse(serde_json::json!({ name: 1 }).to_string().as_bytes()).unwrap();
            prop_assert_eq!(ClaimPath::parse(&pointer).unwrap().find(&claims), Some(&Value::from(1)));
        }
    }
}
