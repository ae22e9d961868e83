//! Ids of our own: `TypeID`s over `UUIDv7`.

use core::fmt;

use uuid::Uuid;

use super::Timestamp;

/// Crockford's base 32, lower case: its order is the order of the bytes.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

/// How many random bytes an id is made of.
pub(crate) const RANDOM_BYTES: usize = 8;

/// A UUIDv7 whose time is exact to the microsecond.
///
/// The 12 bits after the milliseconds hold the fraction of the millisecond (RFC 9562, section 6.2,
/// method 3), so that the order of ids is the order of creation, to the microsecond. That makes
/// the id itself the cursor of a listing.
fn uuid_v7(at: Timestamp, random: [u8; RANDOM_BYTES]) -> Uuid {
    let micros = u64::try_from(at.unix_micros()).unwrap_or(0);
    let (millis, fraction) = (micros / 1_000, micros % 1_000);
    // Rounded up, so that every microsecond has a value of its own: 1000 of them fit in 4096.
    let fraction = (fraction * 4_096).div_ceil(1_000);
    let high = (millis << 16) | 0x7000 | fraction;
    let low = (u64::from_be_bytes(random) & (u64::MAX >> 2)) | (0b10 << 62);
    Uuid::from_u64_pair(high, low)
}

fn write_suffix(uuid: Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut value = uuid.as_u128();
    let mut digits = [0; SUFFIX_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::from(value.to_le_bytes()[0] & 31)];
        value >>= 5;
    }
    f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
}

fn parse_suffix(suffix: &str) -> Option<Uuid> {
    // 26 digits carry 130 bits: a first digit over 7 would not fit in 128.
    if suffix.len() != SUFFIX_LENGTH || suffix.as_bytes()[0] > b'7' {
        return None;
    }
    let mut value = 0_u128;
    for byte in suffix.bytes() {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
        value = (value << 5) | digit as u128;
    }
    Some(Uuid::from_u128(value))
}

macro_rules! type_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        ///
        /// Written as a [TypeID](https://github.com/jetify-com/typeid): the prefix and 26
        /// characters of base 32, in which ids sort as they do as UUIDs.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// An id for something made at `at`, from 64 random bits, of which 62 are used.
            #[must_use]
            pub fn new(at: Timestamp, random: [u8; RANDOM_BYTES]) -> Self {
                Self(uuid_v7(at, random))
            }

            /// Parses the text form; `None` for everything else, so that a malformed id is
            /// simply one that nothing has.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                text.strip_prefix($prefix).and_then(parse_suffix).map(Self)
            }

            /// The UUID inside, for storage.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// From the UUID that was stored.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_suffix(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

type_id! {
    /// Names an API key.
    KeyId, "key_"
}
type_id! {
    /// Names an organization.
    OrganizationId, "org_"
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString};

    use proptest::prelude::*;

    use super::*;

    /// From `valid.yml` and `invalid.yml` of the TypeID specification, version 0.3.
    #[test]
    fn the_specifications_examples_hold() {
        for (suffix, uuid) in [
            ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
            ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
            ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
            ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
            ("0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
            ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ] {
            let id = KeyId::parse(&format!("key_{suffix}")).unwrap();
            assert_eq!(id.uuid().to_string(), uuid);
            assert_eq!(id.to_string(), format!("key_{suffix}"));
        }
        for suffix in [
            "8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "1234567890123456789012345",
            "0123456789ABCDEFGHJKMNPQRS",
            "ooooooiiiiiiuuuuuuulllllll",
            "",
        ] {
            assert_eq!(KeyId::parse(&format!("key_{suffix}")), None, "{suffix}");
        }
        assert_eq!(KeyId::parse("org_01h455vb4pex5vsknk084sn02q"), None);
    }

    proptest! {
        #[test]
        fn ids_are_version_7_and_sort_by_their_microsecond(a in 0..1_i64 << 50, b in 0..1_i64 << 50, ra: [u8; 8], rb: [u8; 8]) {
            let id = |micros, random| KeyId::new(Timestamp::from_unix_micros(micros).unwrap(), random);
            let (x, y) = (id(a, ra), id(b, rb));
            prop_assert_eq!(x.uuid().get_version_num(), 7);
            prop_assert_eq!(x.uuid().get_variant(), uuid::Variant::RFC4122);
            if a != b {
                prop_assert_eq!(a < b, x < y);
                prop_assert_eq!(a < b, x.to_string() < y.to_string());
            }
        }

        #[test]
        fn every_id_survives_its_text(value: u128) {
            let id = OrganizationId::from_uuid(Uuid::from_u128(value));
            prop_assert_eq!(OrganizationId::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn parsing_never_panics_and_accepts_one_spelling_only(text in "key_[0-9a-zA-Z]{24,28}|\\PC*") {
            if let Some(id) = KeyId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
