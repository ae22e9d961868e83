//! What a client calls a request, so that it can send it again.

use actix_web::{HttpRequest, http::header::HeaderName};
use capykeys_domain::secret::{IdempotencyKey, KeyFormat};

use crate::error::ApiError;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

const UNREADABLE: ApiError = ApiError::invalid(
    "`Idempotency-Key` must be a string in quotation marks, or visible characters of ASCII without commas, \
     semicolons, quotation marks and backslashes.",
);

/// The request's `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a string of RFC 9651, section 3.3.3, or
/// the same without quotation marks, as most clients send it.
///
/// # Errors
/// 400 where there is more than one, or one that cannot be read: what was meant to have one key made must not be passed over.
pub(crate) fn idempotency_key(
    request: &HttpRequest,
    format: &KeyFormat,
) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut fields = request.headers().get_all(NAME);
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(ApiError::invalid("`Idempotency-Key` must not be given twice."));
    }
    let text = str::from_utf8(field.as_bytes()).map_err(|_| UNREADABLE)?.trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted).ok_or(UNREADABLE)?,
        None if text.bytes().all(is_bare) => text.to_owned(),
        None => return Err(UNREADABLE),
    };
    // It would be in the logs of whatever is in front.
    format.must_not_occur_in("Idempotency-Key", Some(&key))?;
    Ok(Some(IdempotencyKey::parse(&key)?))
}

/// A bare key has neither `,`, which joins two fields, nor `;`, which begins a parameter.
const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'"' | b'\\')
}

/// The string whose opening mark is read, up to the closing one, which ends the field.
fn unquoted(rest: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => text.push(c),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::HeaderValue, test::TestRequest};
    use proptest::prelude::*;

    use super::*;

    fn read(fields: &[&[u8]]) -> Result<Option<String>, String> {
        let request = fields.iter().fold(TestRequest::default(), |request, field| {
            request.append_header((NAME, HeaderValue::from_bytes(field).unwrap()))
        });
        let shown = |key: IdempotencyKey| key.expose().to_owned();
        idempotency_key(&request.to_http_request(), &KeyFormat::default())
            .map(|key| key.map(shown))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_spellings_of_a_key_are_the_same() {
        assert_eq!(read(&[]), Ok(None));
        for (field, expected) in [
            (r#""8e03978e-40d5""#, "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (" \t\"a\" \t", "a"),
            (r#""two words""#, "two words"),
            (r#""a \"b\" \\ c""#, r#"a "b" \ c"#),
            (r#""a, b; c""#, "a, b; c"),
            ("key:17/a=b_c.d~", "key:17/a=b_c.d~"),
            (&"k".repeat(255), &"k".repeat(255)),
            (&format!("\"{}\"", "\\\"".repeat(255)), &"\"".repeat(255)),
        ] {
            assert_eq!(read(&[field.as_bytes()]), Ok(Some(expected.to_owned())), "{field}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_passed_over() {
        for field in [
            &b"\""[..],
            b"\"a",
            b"a\"",
            b"\"a\"b",
            b"\"a\";b=1",
            b"\"a\", \"b\"",
            b"\"a\\b\"",
            b"\"a\\",
            b"a b",
            b"a,b",
            b"a;b",
            b"a\\b",
            b"a\tb",
            b"\"a\tb\"",
            "é".as_bytes(),
            "\"é\"".as_bytes(),
            b"\xff",
        ] {
            assert_eq!(read(&[field]), Err(UNREADABLE.to_string()), "{field:?}");
        }
        let length = "`Idempotency-Key` must be 1 to 255 printable characters of ASCII.";
        for field in ["", " ", "\"\"", &"k".repeat(256), &format!("\"{}\"", " ".repeat(256))] {
            assert_eq!(read(&[field.as_bytes()]), Err(length.to_owned()), "{field}");
        }
        let twice = "`Idempotency-Key` must not be given twice.";
        for fields in [[&b"a"[..], b"a"], [b"a", b"b"], [b"\"a\"", b""]] {
            assert_eq!(read(&fields), Err(twice.to_owned()));
        }
        let secret = "capy_live_000000000000000000000000000000003UFVO5";
        for field in [secret.to_owned(), format!("\"my {secret}\"")] {
            let refused = read(&[field.as_bytes()]).unwrap_err();
            assert_eq!(refused, "`Idempotency-Key` must not contain an API key.");
        }
    }

    proptest! {
        #[test]
        fn every_printable_text_can_be_quoted(text in "[ -~]{1,255}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(read(&[quoted.as_bytes()]), Ok(Some(text)));
        }

        #[test]
        fn no_field_makes_it_panic_and_a_refusal_repeats_nothing(word in "[a-z]{12,20}", field in "\\PC{0,40}") {
            let _ = read(&[field.as_bytes()]);
            let refused = read(&[format!("{word} {word}").as_bytes()]).unwrap_err();
            prop_assert!(!refused.contains(&word));
        }
    }
}
