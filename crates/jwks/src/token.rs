//! The compact form of a signed token (RFC 7515, section 7.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::json::Object;

/// A token in its three parts. Nothing in it is to be believed before its signature is checked.
#[derive(Clone, Copy)]
pub struct Compact<'a> {
    signed: &'a str,
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes the token apart; `None` where it does not have three parts.
    #[must_use]
    pub fn split(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        // A fourth part would leave a dot in the claims, which is not base64url.
        let (header, claims) = signed.split_once('.')?;
        Some(Self { signed, header, claims, signature })
    }

    /// The header; `None` where it is not unpadded base64url of a JSON object with unique members.
    #[must_use]
    pub fn header(&self) -> Option<Object> {
        Object::parse(&decode(self.header)?)
    }

    /// The claims; `None` as with [`header`](Self::header).
    #[must_use]
    pub fn claims(&self) -> Option<Object> {
        Object::parse(&decode(self.claims)?)
    }

    /// The length of the signature in bytes; `None` where it is not unpadded base64url.
    #[must_use]
    pub fn signature_bytes(&self) -> Option<usize> {
        decode(self.signature).map(|signature| signature.len())
    }

    /// What the signature is over.
    pub(crate) const fn signed(&self) -> &str {
        self.signed
    }

    /// The signature in base64url.
    pub(crate) const fn signature(&self) -> &str {
        self.signature
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
