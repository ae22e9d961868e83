//! RSA public keys.

use std::ops::RangeInclusive;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{self, aws_lc::DEFAULT_PROVIDER},
};

use crate::token::UnverifiedToken;

/// The sizes of modulus that are accepted, in bits (RFC 7518, section 3.3, sets the lower bound).
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// The largest exponent that the cryptography works with has 33 bits.
const EXPONENTS: RangeInclusive<u64> = 3..=0x1_ffff_ffff;

/// A key to check RS256 signatures with.
#[derive(Clone)]
pub(crate) struct VerificationKey(DecodingKey);

impl VerificationKey {
    /// From the modulus and the exponent, big-endian; `None` where no RS256 key has these.
    pub(crate) fn from_components(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (modulus, exponent) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let (first, last) = (modulus.first()?, modulus.last()?);
        let bits = modulus.len() * 8 - usize::try_from(first.leading_zeros()).ok()?;
        if !MODULUS_BITS.contains(&bits) || last % 2 == 0 || exponent.len() > 5 {
            return None;
        }
        let value = exponent.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if !EXPONENTS.contains(&value) || value % 2 == 0 {
            return None;
        }
        Some(Self(DecodingKey::from_rsa_raw_components(modulus, exponent)))
    }

    /// From a public key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`); `None` for anything else.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        // The library would look for a key in certificates and private keys as well.
        if !pem.contains("-----BEGIN PUBLIC KEY-----") && !pem.contains("-----BEGIN RSA PUBLIC KEY-----") {
            return None;
        }
        let key = DecodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
        let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
        let (modulus, exponent) = components(key.try_get_as_bytes().ok()?).ok()?;
        Self::from_components(&modulus, &exponent)
    }

    /// Whether the token is signed with this key.
    pub(crate) fn has_signed(&self, token: &UnverifiedToken<'_>) -> bool {
        crypto::verify(token.signature(), token.signed().as_bytes(), &self.0, Algorithm::RS256)
            .unwrap_or(false)
    }
}

/// RFC 7518 forbids leading zeros; some issuers write one all the same.
fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    &number[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const F4: &[u8] = &[1, 0, 1];

    fn modulus(bits: usize) -> Vec<u8> {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= (8 - bits % 8) % 8;
        modulus
    }

    #[test]
    fn keys_of_2048_to_8192_bits_are_accepted() {
        for (bits, accepted) in [(1024, false), (2047, false), (2048, true), (8192, true), (8193, false)] {
            assert_eq!(VerificationKey::from_components(&modulus(bits), F4).is_some(), accepted, "{bits}");
        }
    }

    #[test]
    fn leading_zeros_do_not_count() {
        let padded = [vec![0; 128], modulus(1024)].concat();
        assert!(VerificationKey::from_components(&padded, F4).is_none());
        let padded = [vec![0], modulus(2048)].concat();
        assert!(VerificationKey::from_components(&padded, &[0, 1, 0, 1]).is_some());
    }

    #[test]
    fn numbers_that_make_no_key_are_refused() {
        let even = [vec![0xff; 255], vec![0xfe]].concat();
        assert!(VerificationKey::from_components(&even, F4).is_none());
        assert!(VerificationKey::from_components(&[], F4).is_none());
        for exponent in [&[] as &[u8], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1; 6]] {
            assert!(VerificationKey::from_components(&modulus(2048), exponent).is_none(), "{exponent:?}");
        }
        assert!(VerificationKey::from_components(&modulus(2048), &[3]).is_some());
    }
}
