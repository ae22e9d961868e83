//! Digests, and which pepper they are made with.

use std::{format, vec};

use super::*;
use crate::secret::KeyFormat;

fn minted() -> PlaintextKey {
    let zeros = |buffer: &mut [u8]| {
        buffer.fill(0);
        Ok::<(), ()>(())
    };
    KeyFormat::default().mint(zeros).unwrap()
}

fn pepper(id: &str, byte: u8) -> Pepper {
    Pepper::new(PepperId::parse(id).unwrap(), Zeroizing::new([byte; 32]))
}

#[test]
fn a_key_is_found_under_every_active_pepper() {
    let key = minted();
    let before = Peppers::new(pepper("a", 1), vec![]).unwrap();
    let after = Peppers::new(pepper("b", 2), vec![pepper("a", 1)]).unwrap();
    let candidates = after.candidates(&key);
    assert_eq!(candidates.len(), 2);
    assert_eq!(candidates[0], after.digest(&key).unwrap());
    assert_eq!(candidates[1], before.digest(&key).unwrap());
    assert_ne!(candidates[0], candidates[1]);
}

#[test]
fn two_peppers_of_one_name_are_refused() {
    assert!(Peppers::new(pepper("a", 1), vec![pepper("a", 2)]).is_err());
}

fn recorded(peppers: &[(Pepper, Option<i64>)]) -> Vec<RecordedPepper> {
    peppers.iter().map(|(pepper, turn)| RecordedPepper { check: pepper.check(), turn: *turn }).collect()
}

#[test]
fn new_keys_are_made_with_the_pepper_whose_turn_was_last() {
    let peppers = Peppers::new(pepper("b", 2), vec![pepper("a", 1)]).unwrap().uncompared();
    assert_eq!(peppers.minting(), None);
    for (turns, minting) in [
        ([Some(1), None], "a"),
        ([Some(1), Some(2)], "b"),
        ([Some(3), Some(2)], "a"),
        // Nobody else has said that it has the newest.
        ([None, None], "a"),
    ] {
        let [a, b] = turns;
        let found = peppers.compare(&recorded(&[(pepper("a", 1), a), (pepper("b", 2), b)]));
        assert_eq!(found.unwrap().as_str(), minting, "{turns:?}");
        assert_eq!(peppers.minting().unwrap().as_str(), minting, "{turns:?}");
    }
}

#[test]
fn peppers_that_are_not_those_of_the_store_make_no_key() {
    let key = minted();
    let peppers = Peppers::new(pepper("a", 1), vec![]).unwrap();
    let id = |id| PepperId::parse(id).unwrap();
    let own = || (pepper("a", 1), Some(1));
    for (others, fault) in [
        (vec![(pepper("a", 9), Some(1))], PepperFault::Different(id("a"))),
        (vec![own(), (pepper("b", 2), Some(2))], PepperFault::Missing(id("b"))),
        (vec![], PepperFault::Unrecorded(id("a"))),
    ] {
        peppers.compare(&recorded(&[own()])).unwrap();
        assert_eq!(peppers.compare(&recorded(&others)), Err(fault));
        assert_eq!(peppers.digest(&key), None);
    }
    // One that others have and nothing is made with yet, or any more.
    peppers.compare(&recorded(&[own(), (pepper("b", 2), None)])).unwrap();
    peppers.compare(&recorded(&[(pepper("z", 2), Some(0)), own()])).unwrap();
}

#[test]
fn a_key_under_an_older_pepper_has_a_newer_digest() {
    let key = minted();
    let peppers = Peppers::new(pepper("b", 2), vec![pepper("a", 1)]).unwrap();
    let candidates = peppers.candidates(&key);
    assert_eq!(peppers.newer(&candidates, &candidates[1]), Some(candidates[0].clone()));
    assert_eq!(peppers.newer(&candidates, &candidates[0]), None);
}

#[test]
fn neither_pepper_nor_digest_shows_its_bytes() {
    let key = minted();
    let peppers = Peppers::new(pepper("a", 171), vec![]).unwrap();
    assert_eq!(format!("{peppers:?}"), "Peppers { peppers: [Pepper(a, …)], minting: 0 }");
    assert_eq!(format!("{:?}", peppers.digest(&key).unwrap()), "KeyDigest(…)");
}
