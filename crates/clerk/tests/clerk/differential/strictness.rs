//! The written list: for which reasons a token is refused here that Clerk's own SDK accepts.

use capykeys_clerk::{Refusal, TokenError};

/// Why we are stricter; `None` where the SDK must refuse the token as well.
pub(super) const fn reason(refusal: Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::Token(TokenError::TooLarge) => {
            "Clerk's tokens travel in a cookie of 4 KiB; what is four times as long is no session."
        }
        Refusal::Token(TokenError::Malformed) => {
            "The SDK takes padding, members that occur twice, a byte order mark and broken UTF-8. Two \
             readers could understand such a token differently."
        }
        Refusal::Token(TokenError::Type) => "The SDK takes a token without `typ`. Clerk always writes it.",
        Refusal::Category => {
            "The SDK takes `cl_I7d4PD111III`, which stands for any category: a template's token would pass."
        }
        Refusal::Token(TokenError::CriticalExtension) => {
            "The SDK ignores `crit`. RFC 7515, section 4.1.11: what is not understood must be refused."
        }
        Refusal::Token(TokenError::EmbeddedKey) => {
            "The SDK ignores keys in the header. No token of Clerk's has one."
        }
        Refusal::Token(TokenError::KeyId) => {
            "The SDK ignores `kid` where it has a PEM. One that is no text is not Clerk's."
        }
        Refusal::Subject => "The SDK takes any text. A user's id is what keys are attributed to.",
        Refusal::SessionId => {
            "The SDK does not look at `sid`. Without a session it is not a session's token."
        }
        Refusal::Token(TokenError::Time) => {
            "The SDK takes a token without `nbf` or `iat`, fractions, negative times, and an `exp` beyond its \
             calendar, which it then never finds expired. With `exp` before `nbf` or `iat` by less than the \
             skew it takes tokens that are valid at no time."
        }
        Refusal::Token(TokenError::Lifetime) => {
            "The SDK believes any `exp`. A session's token lives a minute, and one that is signed for years \
             by mistake must not be good for years."
        }
        Refusal::Token(TokenError::Audience) => {
            "The SDK does not look at `aud` unless it is told an audience, and then takes tokens that have \
             none, or an empty list. What is meant for somebody else, or for nobody in particular, is not for us."
        }
        Refusal::AuthorizedParty => {
            "Without a list of parties the SDK does not look at `azp`, whatever it is."
        }
        Refusal::Status => "The SDK signs out `pending` alone. A status that is not known is not signed in.",
        Refusal::Version => {
            "The SDK reads any version but 2 as version 1. Here version 1 is behind a setting, and others \
             are unknown."
        }
        Refusal::Organization => {
            "The SDK passes on whatever the claims hold, and leaves out the organization where `o` is empty."
        }
        Refusal::Token(
            TokenError::Algorithm
            | TokenError::Expired
            | TokenError::NotYetValid
            | TokenError::IssuedInTheFuture
            | TokenError::UnknownKey
            | TokenError::Signature,
        )
        | Refusal::Issuer => return None,
    })
}
