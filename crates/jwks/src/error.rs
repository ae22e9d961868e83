//! Why tokens are refused.

/// Makes [`TokenError`], so that no reason can be missing among all of them.
macro_rules! token_errors {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// Why a token is refused, whatever kind of token it is. What adapters check on top has reasons of theirs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TokenError {
            $($(#[$doc])* $variant,)*
        }

        impl TokenError {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

token_errors! {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    TooLarge,
    /// Not three parts of unpadded base64url, a part that is no JSON object with unique members, or a
    /// signature that does not have the length of its algorithm's.
    Malformed,
    /// `alg` is none that is accepted.
    Algorithm,
    /// `typ` is none that is accepted.
    Type,
    /// `crit` asks for an extension; none is understood.
    CriticalExtension,
    /// The header brings a key, or says where to find one.
    EmbeddedKey,
    /// `kid` is absent where it is needed, or no text.
    KeyId,
    /// `aud` does not name the audience, or is there where none is expected.
    Audience,
    /// A time is absent, or not a whole number of seconds that a calendar has, or there is no time at which
    /// the token is valid.
    Time,
    /// `exp` is past.
    Expired,
    /// `nbf` is to come.
    NotYetValid,
    /// `iat` is to come.
    IssuedInTheFuture,
    /// From `iat` to `exp` it is longer than a token may live.
    Lifetime,
    /// The issuer has no key of this `kid` and `alg`.
    UnknownKey,
    /// The signature does not match.
    Signature,
}

/// Why a token of one kind is refused. [`refusals!`](crate::refusals) makes it.
pub trait TokenRefusal: Copy + Eq + From<TokenError> + Send + Sync + 'static {
    /// `iss` is absent, or that of no issuer that is accepted.
    const OF_ANOTHER_ISSUER: Self;

    /// Every reason there is.
    fn all() -> impl Iterator<Item = Self>;

    /// The reason in the words of the log.
    fn as_str(self) -> &'static str;
}

/// Makes the `Refusal` of one kind of token: the words for the kind, what is wrong with a token of another
/// algorithm, and the reasons besides those of every kind. `Issuer` is always one of them.
#[macro_export]
macro_rules! refusals {
    ($kind:literal, $algorithm:literal, { $($(#[$doc:meta])* $variant:ident = $words:literal,)* }) => {
        /// Why a token was refused. For the log and for metrics alone: callers get one and the same answer
        /// for all of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            /// For what a token of any kind is refused.
            Token($crate::TokenError),
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// Every reason there is.
            pub fn all() -> impl Iterator<Item = Self> {
                let of_this_kind = [$(Self::$variant,)*];
                $crate::TokenError::ALL.iter().copied().map(Self::Token).chain(of_this_kind)
            }

            /// The reason in the words of the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::Token($crate::TokenError::TooLarge) => concat!($kind, " token too large"),
                    Self::Token($crate::TokenError::Malformed) => concat!("malformed ", $kind, " token"),
                    Self::Token($crate::TokenError::Algorithm) => concat!($kind, " token ", $algorithm),
                    Self::Token($crate::TokenError::Type) => concat!($kind, " token of another type"),
                    Self::Token($crate::TokenError::CriticalExtension) => {
                        concat!($kind, " token with a critical extension")
                    }
                    Self::Token($crate::TokenError::EmbeddedKey) => {
                        concat!($kind, " token that brings its own key")
                    }
                    Self::Token($crate::TokenError::KeyId) => concat!($kind, " token without a key id"),
                    Self::Token($crate::TokenError::Audience) => {
                        concat!($kind, " token for another audience")
                    }
                    Self::Token($crate::TokenError::Time) => concat!($kind, " token without valid times"),
                    Self::Token($crate::TokenError::Expired) => concat!("expired ", $kind, " token"),
                    Self::Token($crate::TokenError::NotYetValid) => concat!($kind, " token not yet valid"),
                    Self::Token($crate::TokenError::IssuedInTheFuture) => {
                        concat!($kind, " token issued in the future")
                    }
                    Self::Token($crate::TokenError::Lifetime) => concat!($kind, " token that lives too long"),
                    Self::Token($crate::TokenError::UnknownKey) => {
                        concat!($kind, " token signed with an unknown key")
                    }
                    Self::Token($crate::TokenError::Signature) => {
                        concat!($kind, " token with a bad signature")
                    }
                    $(Self::$variant => $words,)*
                }
            }
        }

        impl From<$crate::TokenError> for Refusal {
            fn from(error: $crate::TokenError) -> Self {
                Self::Token(error)
            }
        }

        impl $crate::TokenRefusal for Refusal {
            const OF_ANOTHER_ISSUER: Self = Self::Issuer;

            fn all() -> impl Iterator<Item = Self> {
                Self::all()
            }

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "an adapter's is public")]
mod tests {
    use std::collections::HashSet;

    crate::refusals!("test", "of another algorithm", {
        /// Of another issuer.
        Issuer = "test token of another issuer",
    });

    #[test]
    fn every_reason_is_listed_once_and_has_words_of_its_own() {
        let words: HashSet<_> = Refusal::all().map(Refusal::as_str).collect();
        assert_eq!(words.len(), Refusal::all().count());
        assert_eq!(words.len(), crate::TokenError::ALL.len() + 1);
    }
}
