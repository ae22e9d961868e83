use std::{collections::BTreeSet, format, string::ToString, vec};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::{
    model::{KeyId, Timestamp, UserId},
    secret::Pepper,
};

fn peppers(all: &[(&str, u8)]) -> Peppers {
    let pepper = |&(id, byte): &(&str, u8)| {
        Pepper::new(PepperId::parse(id).unwrap(), Zeroizing::new([byte; blake3::KEY_LEN]))
    };
    let mut all = all.iter().map(pepper);
    Peppers::new(all.next().unwrap(), all.collect()).unwrap()
}

/// What a request is made of.
struct Parts {
    key: IdempotencyKey,
    actor: Actor,
    operation: &'static str,
    organization: OrganizationId,
    members: Vec<Option<String>>,
}

impl Parts {
    fn new() -> Self {
        Self {
            key: IdempotencyKey::parse("order 17").unwrap(),
            actor: Actor::Key(KeyId::new(Timestamp::MIN, [1; 8])),
            operation: "create",
            organization: OrganizationId::new(Timestamp::MIN, [1; 8]),
            members: vec![Some("CI".to_owned()), None],
        }
    }

    fn request(&self) -> IdempotentRequest<'_> {
        let Self { key, actor, operation, organization, members } = self;
        IdempotentRequest { key, operation, organization: *organization, actor, members: members.clone() }
    }
}

fn others() -> [Parts; 4] {
    [
        Parts { key: IdempotencyKey::parse("order 18").unwrap(), ..Parts::new() },
        Parts { actor: Actor::User(UserId::parse("user_2a").unwrap()), ..Parts::new() },
        Parts { operation: "rotate", ..Parts::new() },
        Parts { organization: OrganizationId::new(Timestamp::MIN, [2; 8]), ..Parts::new() },
    ]
}

#[test]
fn the_same_request_gives_the_same_secret_and_every_other_another() {
    let (peppers, format, nonce) = (peppers(&[("1", 1)]), KeyFormat::default(), [7; 32]);
    let own = Parts::new();
    let record = peppers.record(&own.request(), nonce).unwrap();
    let secret = peppers.derive(&own.request(), &record, &format).unwrap();
    let again = peppers.derive(&Parts::new().request(), &record, &format).unwrap();
    assert_eq!(secret.expose(), again.expose());
    assert!(format.parse(secret.expose()).is_some());
    for other in others() {
        let theirs = peppers.record(&other.request(), nonce).unwrap();
        assert_ne!(theirs.id, record.id);
        let theirs = peppers.derive(&other.request(), &theirs, &format).unwrap();
        assert_ne!(theirs.expose(), secret.expose());
        let refused = peppers.derive(&other.request(), &record, &format);
        assert_eq!(refused.err(), Some(Underivable::AnotherRequest));
    }
    let later = peppers.record(&own.request(), [8; 32]).unwrap();
    assert_ne!(peppers.derive(&own.request(), &later, &format).unwrap().expose(), secret.expose());
}

#[test]
fn another_body_has_the_same_place_and_no_secret() {
    let (peppers, format) = (peppers(&[("1", 1)]), KeyFormat::default());
    let record = peppers.record(&Parts::new().request(), [7; 32]).unwrap();
    for members in
        [vec![], vec![None, Some("CI".to_owned())], vec![Some("C".to_owned()), Some("I".to_owned())]]
    {
        let other = Parts { members, ..Parts::new() };
        assert_eq!(other.request().id(), record.id);
        let refused = peppers.derive(&other.request(), &record, &format);
        assert_eq!(refused.err(), Some(Underivable::AnotherRequest));
    }
}

/// Whoever has a copy of the store has no pepper, and whoever has another pepper derives another secret.
#[test]
fn a_secret_is_derived_of_its_own_pepper_alone() {
    let (own, format) = (Parts::new(), KeyFormat::default());
    let old = peppers(&[("1", 1)]);
    let record = old.record(&own.request(), [7; 32]).unwrap();
    let secret = old.derive(&own.request(), &record, &format).unwrap();
    let with_newer = peppers(&[("2", 2), ("1", 1)]);
    assert_eq!(with_newer.derive(&own.request(), &record, &format).unwrap().expose(), secret.expose());
    let without = peppers(&[("2", 2)]).derive(&own.request(), &record, &format);
    assert_eq!(without.err(), Some(Underivable::NoPepper));
    let of_the_same_name = peppers(&[("1", 2)]).derive(&own.request(), &record, &format);
    assert_eq!(of_the_same_name.err(), Some(Underivable::AnotherRequest));
    assert_eq!(with_newer.record(&own.request(), [7; 32]).unwrap().id, record.id);
}

/// Whoever asks again may be answered by a newer program than the one that made the key.
#[test]
fn ids_and_secrets_are_what_they_have_always_been() {
    let (own, peppers, format) = (Parts::new(), peppers(&[("1", 1)]), KeyFormat::default());
    let record = peppers.record(&own.request(), [7; 32]).unwrap();
    let secret = peppers.derive(&own.request(), &record, &format).unwrap();
    let hashes = [&record.id[..], &record.asked, secret.expose().as_bytes()]
        .map(|bytes| blake3::hash(bytes).to_hex()[..16].to_string());
    assert_eq!(hashes, ["604592f2dded6cf3", "a45ae59444cf28fe", "2ff38a5aee038dd8"]);
}

#[test]
fn nothing_is_shown_for_debugging() {
    let (own, peppers) = (Parts::new(), peppers(&[("1", 1)]));
    let record = peppers.record(&own.request(), [7; 32]).unwrap();
    assert_eq!(format!("{:?} {record:?}", own.key), "IdempotencyKey(…) IdempotencyRecord(…)");
}

#[test]
fn the_length_and_the_characters_are_bounded() {
    for good in ["a", " ", "\"", "8e03978e-40d5-43e8-bc93-6894a57f9324", &"~".repeat(255)] {
        assert!(IdempotencyKey::parse(good).is_ok(), "{good}");
    }
    for bad in ["", &"a".repeat(256), "a\n", "\t", "é", "\u{7f}", "\0"] {
        let refused = IdempotencyKey::parse(bad).unwrap_err().to_string();
        assert_eq!(refused, "`Idempotency-Key` must be 1 to 255 printable characters of ASCII.");
    }
}

proptest! {
    /// However the members are cut.
    #[test]
    fn no_two_lists_of_members_are_the_same(
        lists in proptest::collection::btree_set(
            proptest::collection::vec(proptest::option::of("[ab]{0,2}"), 0..4), 1..40,
        ),
    ) {
        let peppers = peppers(&[("1", 1)]);
        let asked: BTreeSet<[u8; 32]> = lists.iter().map(|members| {
            let parts = Parts { members: members.clone(), ..Parts::new() };
            peppers.record(&parts.request(), [7; 32]).unwrap().asked
        }).collect();
        prop_assert_eq!(asked.len(), lists.len());
    }
}
