//! How the tokens are made that are compared.

use aws_lc_rs::{
    hmac,
    signature::{RSA_PKCS1_SHA384, RSA_PSS_SHA256},
};
use capykeys_testkit::TokenBuilder;
use serde_json::json;

use super::pools::Change;
use crate::support::{good_token, good_token_of_version_1, other_key, signing_key};

#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Two,
    TwoWithOrganization,
    One,
    OneWithOrganization,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    Good,
    OtherKey,
    Rs384,
    Ps256,
    /// HMAC keyed with the text of the public key.
    Hs256,
    Zeros,
    OneBitOff,
    OfAnotherToken,
    Short,
    Long,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    AsIs,
    PaddedHeader,
    PaddedClaims,
    PaddedSignature,
    UnusedBits,
    StandardAlphabet,
    Space,
    FourthPart,
    NoSignature,
    ByteOrderMark,
    BrokenUtf8,
    MoreAfterTheClaims,
    SpaceInTheClaims,
}

/// How a token is made.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) base: Base,
    pub(super) changes: Vec<Change>,
    pub(super) raw: Option<(Option<&'static str>, &'static str)>,
    pub(super) signature: Signature,
    pub(super) form: Form,
}

pub(super) const SIGNATURES: [Signature; 10] = [
    Signature::Good,
    Signature::OtherKey,
    Signature::Rs384,
    Signature::Ps256,
    Signature::Hs256,
    Signature::Zeros,
    Signature::OneBitOff,
    Signature::OfAnotherToken,
    Signature::Short,
    Signature::Long,
];

pub(super) const FORMS: [Form; 13] = [
    Form::AsIs,
    Form::PaddedHeader,
    Form::PaddedClaims,
    Form::PaddedSignature,
    Form::UnusedBits,
    Form::StandardAlphabet,
    Form::Space,
    Form::FourthPart,
    Form::NoSignature,
    Form::ByteOrderMark,
    Form::BrokenUtf8,
    Form::MoreAfterTheClaims,
    Form::SpaceInTheClaims,
];

pub(super) const BASES: [Base; 4] =
    [Base::Two, Base::TwoWithOrganization, Base::One, Base::OneWithOrganization];

impl Base {
    fn token(self) -> TokenBuilder {
        match self {
            Self::Two => good_token(),
            Self::TwoWithOrganization => {
                good_token().claim("o", json!({"id": "org_acme", "rol": "admin", "slg": "acme"}))
            }
            Self::One => good_token_of_version_1(),
            Self::OneWithOrganization => good_token_of_version_1()
                .claim("org_id", "org_acme")
                .claim("org_role", "org:admin")
                .claim("org_slug", "acme"),
        }
    }
}

impl Signature {
    fn sign(self, message: &str) -> Vec<u8> {
        let key = signing_key();
        match self {
            Self::Good => key.sign(message),
            Self::OtherKey => other_key().sign(message),
            Self::Rs384 => key.sign_with(&RSA_PKCS1_SHA384, message),
            Self::Ps256 => key.sign_with(&RSA_PSS_SHA256, message),
            Self::Hs256 => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
                hmac::sign(&secret, message.as_bytes()).as_ref().to_vec()
            }
            Self::Zeros => vec![0; 256],
            Self::OneBitOff => {
                let mut signature = key.sign(message);
                signature[128] ^= 1;
                signature
            }
            Self::OfAnotherToken => key.sign(&format!("{message}x")),
            Self::Short => key.sign(message)[1..].to_vec(),
            Self::Long => [vec![0], key.sign(message)].concat(),
        }
    }
}

impl Form {
    /// Changes the claims before they are encoded and signed.
    fn of_claims(self, claims: String) -> Vec<u8> {
        match self {
            Self::ByteOrderMark => format!("\u{feff}{claims}").into_bytes(),
            Self::BrokenUtf8 => {
                let mut bytes = claims.into_bytes();
                bytes.truncate(bytes.len() - 1);
                bytes.extend_from_slice(b",\"x\":\"\xff\"}");
                bytes
            }
            Self::MoreAfterTheClaims => (claims + "{}").into_bytes(),
            Self::SpaceInTheClaims => format!("\r\n {claims}\t\n").into_bytes(),
            _ => claims.into_bytes(),
        }
    }

    /// Pads before signing, so that the signature still matches.
    fn of_part(self, is_header: bool, part: String) -> String {
        match (self, is_header) {
            (Self::PaddedHeader, true) | (Self::PaddedClaims, false) => {
                let missing = (4 - part.len() % 4) % 4;
                part + &"=".repeat(missing.max(1))
            }
            (Self::StandardAlphabet, _) => part.replace('-', "+").replace('_', "/"),
            _ => part,
        }
    }

    fn of_signature(self, signature: String) -> String {
        match self {
            Self::PaddedSignature => signature + "==",
            Self::UnusedBits => {
                let twisted = match signature.as_bytes().last() {
                    Some(b'A') => 'B',
                    Some(b'Q') => 'R',
                    Some(b'g') => 'h',
                    _ => 'x',
                };
                format!("{}{twisted}", &signature[..signature.len() - 1])
            }
            Self::StandardAlphabet => signature.replace('-', "+").replace('_', "/"),
            Self::Space => signature + " x",
            Self::FourthPart => signature + ".x",
            Self::NoSignature => String::new(),
            _ => signature,
        }
    }
}

impl Recipe {
    pub(super) fn good(base: Base) -> Self {
        Self { base, changes: Vec::new(), raw: None, signature: Signature::Good, form: Form::AsIs }
    }

    pub(super) fn token(&self) -> String {
        let mut token = self.changes.iter().fold(self.base.token(), |token, change| change.apply(token));
        if let Some((Some(name), _)) = self.raw {
            token = token.without(name);
        }
        token.sign_encoded(
            |claims| {
                let claims = match self.raw {
                    Some((_, member)) => format!("{},{member}}}", claims.strip_suffix('}').unwrap()),
                    None => claims,
                };
                self.form.of_claims(claims)
            },
            |is_header, part| self.form.of_part(is_header, part),
            |message| self.signature.sign(message),
            |signature| self.form.of_signature(signature),
        )
    }
}
