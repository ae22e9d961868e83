//! Public keys.

use std::ops::RangeInclusive;

use jsonwebtoken::{
    DecodingKey,
    crypto::{self, aws_lc::DEFAULT_PROVIDER},
};

use crate::{algorithm::Algorithm, error::TokenError, token::UnverifiedToken};

/// The sizes of modulus that are accepted, in bits (RFC 7518, section 3.3, sets the lower bound).
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// The largest exponent that the cryptography works with has 33 bits.
const EXPONENTS: RangeInclusive<u64> = 3..=0x1_ffff_ffff;

/// The length of a coordinate on P-256 (RFC 7518, section 6.2.1.2).
const COORDINATE_BYTES: usize = 32;

/// A key to check signatures with, by one algorithm and no other.
#[derive(Clone)]
pub(crate) struct VerificationKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerificationKey {
    /// An RSA key from its modulus and exponent, big-endian; `None` where no RS256 key has these.
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
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Some(Self { algorithm: Algorithm::Rs256, key })
    }

    /// A key on P-256 from its coordinates; `None` where they do not have the curve's length. That
    /// they are a point of it is seen when a signature is checked, which then fails.
    pub(crate) fn from_coordinates(x: &[u8], y: &[u8]) -> Option<Self> {
        if x.len() != COORDINATE_BYTES || y.len() != COORDINATE_BYTES {
            return None;
        }
        // SEC 1, section 2.3.3: 4 marks an uncompressed point.
        let point = [&[4], x, y].concat();
        Some(Self { algorithm: Algorithm::Es256, key: DecodingKey::from_ec_der(&point) })
    }

    /// From a public key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`) for one of the algorithms;
    /// `None` for anything else.
    pub(crate) fn from_pem(pem: &str, algorithms: &[Algorithm]) -> Option<Self> {
        // The library would look for a key in certificates and private keys as well.
        if !pem.contains("-----BEGIN PUBLIC KEY-----") && !pem.contains("-----BEGIN RSA PUBLIC KEY-----") {
            return None;
        }
        let key = Self::from_rsa_pem(pem).or_else(|| Self::from_ec_pem(pem))?;
        algorithms.contains(&key.algorithm).then_some(key)
    }

    fn from_rsa_pem(pem: &str) -> Option<Self> {
        let key = DecodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
        let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
        let (modulus, exponent) = components(key.try_get_as_bytes().ok()?).ok()?;
        Self::from_components(&modulus, &exponent)
    }

    fn from_ec_pem(pem: &str) -> Option<Self> {
        let key = DecodingKey::from_ec_pem(pem.as_bytes()).ok()?;
        let coordinates = key.try_get_as_bytes().ok()?.strip_prefix(&[4])?;
        let (x, y) = coordinates.split_at_checked(COORDINATE_BYTES)?;
        Self::from_coordinates(x, y)
    }

    /// What it is a key for.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks that the token is signed with this key.
    pub(crate) fn check(&self, token: &UnverifiedToken<'_>) -> Result<(), TokenError> {
        if token.algorithm() != self.algorithm {
            return Err(TokenError::UnknownKey);
        }
        let algorithm = self.algorithm.of_the_library();
        match crypto::verify(token.signature(), token.signed().as_bytes(), &self.key, algorithm) {
            Ok(true) => Ok(()),
            _ => Err(TokenError::Signature),
        }
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

    #[test]
    fn coordinates_have_the_length_of_the_curve() {
        assert!(VerificationKey::from_coordinates(&[1; 32], &[1; 32]).is_some());
        for (x, y) in [(31, 32), (32, 31), (33, 32), (48, 48), (0, 0)] {
            assert!(VerificationKey::from_coordinates(&vec![1; x], &vec![1; y]).is_none(), "{x} {y}");
        }
    }
}
