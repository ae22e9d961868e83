//! What tokens are signed with.

use std::ops::RangeInclusive;

/// The algorithms that tokens may be signed with (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, with SHA-256; keys of 2048 to 8192 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// Its name as `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// How long its signatures may be, in bytes.
    #[must_use]
    pub const fn signature_bytes(self) -> RangeInclusive<usize> {
        match self {
            Self::Rs256 => 256..=1024,
            Self::Es256 => 64..=64,
        }
    }

    pub(crate) const fn of_the_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }
}
