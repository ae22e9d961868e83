//! Keys that are given another secret.

use std::{sync::Arc, time::Duration};

use capykeys_domain::{
    model::{ApiKey, AuditAction, Creator, HeldSecret, KeyState, Rotation, Timestamp},
    ports::{
        Change, FoundKey, IdleRotations, Insertion, KeyChange, KeyChanged, KeyUse, Limit, NewKey, NewSecret,
        PepperUse, Rehash,
    },
    secret::{KeyDigest, PepperId},
};
use futures_util::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Handle;

use super::deeds::changes;
use crate::{Store, fixtures, fixtures::at};

/// A secret that no other call gave.
fn secret() -> KeyDigest {
    fixtures::key(fixtures::organization(at(0)).id, at(0)).digest
}

impl Store {
    async fn found_under(&self, digest: &KeyDigest) -> Option<FoundKey> {
        self.lookup.find_key_by_digest(std::slice::from_ref(digest)).await.unwrap()
    }

    async fn change(&self, change: KeyChange) -> KeyChanged {
        self.keys.change_key(change).await.unwrap()
    }

    async fn key_now(&self, key: &ApiKey) -> ApiKey {
        self.keys.find_key(key.organization_id, key.id).await.unwrap().unwrap()
    }

    /// Gives the key another secret at `micros`, with the one before it good until `until`.
    async fn rotate(&self, key: &ApiKey, micros: i64, until: i64) -> KeyDigest {
        let digest = secret();
        let key = self.key_now(key).await;
        let rotation = fixtures::rotate(&key, &digest, at(micros), at(until));
        assert_eq!(self.change(rotation).await, KeyChanged::Done);
        digest
    }

    /// Ends the secret before the present one at `micros`.
    async fn finish(&self, key: &ApiKey, micros: i64) {
        let before = self.key_now(key).await;
        let mut after = before.clone();
        after.rotation.as_mut().unwrap().previous_expires_at = at(micros);
        assert_eq!(self.change(fixtures::change(&before, &after, at(micros))).await, KeyChanged::Done);
    }

    /// Whether the secret is good at that time.
    async fn is_good(&self, digest: &KeyDigest, time: Timestamp) -> bool {
        let Some(found) = self.found_under(digest).await else { return false };
        let digests = std::slice::from_ref(digest);
        let is_previous = found.was_under(digests);
        assert_ne!(found.is_under(digests), is_previous);
        let mut key = found.key;
        if is_previous {
            key.expires_at = key.previous_ends_at();
        }
        key.state(time) == KeyState::Active
    }
}

/// It is the same key under another prefix, with an event, and caches hear of it.
pub async fn a_rotated_key_is_found_by_both_of_its_secrets(store: &Store) {
    let organization = store.organization().await;
    let (new, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let start = store.end_of_feed().await;
    let digest = secret();
    let rotation = fixtures::rotate(&new.key, &digest, at(5), at(9));
    let after = rotation.after.clone();
    assert_eq!(store.change(rotation).await, KeyChanged::Done);
    for own in [&digest, &new.digest] {
        let found = store.found_under(own).await.unwrap();
        assert_eq!((&found.digest, &found.previous_digest), (&digest, &Some(Box::new(new.digest.clone()))));
        assert_eq!(found.key, after);
        let own = std::slice::from_ref(own);
        assert_eq!((found.is_under(own), found.was_under(own)), (own[0] == digest, own[0] != digest));
    }
    let elsewhere = KeyDigest::from_stored(PepperId::parse("2").unwrap(), *new.digest.as_bytes());
    assert_eq!(store.found_under(&elsewhere).await, None);
    assert_eq!(store.found_under(&other.digest).await.unwrap().key, other.key);
    assert_eq!(store.key_now(&new.key).await, after);
    assert_eq!(store.listed(organization.id).await, [other.key, after.clone()]);
    assert_eq!(changes(store, start).await.0, [Change::Key(new.key.id)]);
    assert_eq!(store.count_events(&new.key, &AuditAction::RotateKey).await, 1);

    let _ = store.keys.revoke_key(fixtures::revoke(&after, at(6))).await.unwrap();
    for own in [&digest, &new.digest] {
        assert_eq!(store.found_under(own).await.unwrap().key.revoked_at, Some(at(6)));
    }
}

/// No clock decides about it, and caches hear of it.
pub async fn a_secret_that_was_ended_is_unknown(store: &Store) {
    let organization = store.organization().await;
    let (new, at_once) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let present = store.rotate(&new.key, 5, 90).await;
    let start = store.end_of_feed().await;
    store.finish(&new.key, 7).await;
    assert_eq!(changes(store, start).await.0, [Change::Key(new.key.id)]);
    assert_eq!(store.found_under(&new.digest).await, None);
    let found = store.found_under(&present).await.unwrap();
    assert_eq!(found.previous_digest, None);
    assert_eq!(found.key.rotation.unwrap().previous_expires_at, at(7));

    let present = store.rotate(&at_once.key, 5, 5).await;
    assert_eq!(store.found_under(&at_once.digest).await, None);
    assert_eq!(store.found_under(&present).await.unwrap().previous_digest, None);
}

/// The one that nobody has got is gone, and whoever has the one before goes on.
pub async fn the_newest_secret_can_be_replaced_and_the_one_before_stays(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let lost = store.rotate(&new.key, 5, 90).await;
    let (digest, before) = (secret(), store.key_now(&new.key).await);
    let rotation = fixtures::rotate(&before, &digest, at(6), at(90));
    let secret = Some(NewSecret { digest: digest.clone(), keeps_previous: true });
    assert_eq!(store.change(KeyChange { secret, ..rotation }).await, KeyChanged::Done);
    assert_eq!(store.found_under(&lost).await, None);
    for own in [&new.digest, &digest] {
        let found = store.found_under(own).await.unwrap();
        assert_eq!(
            (found.digest, found.previous_digest),
            (digest.clone(), Some(Box::new(new.digest.clone())))
        );
    }
}

/// Which is why it was told: is the old one still in use?
pub async fn uses_of_the_secret_before_are_stored_apart(store: &Store) {
    let organization = store.organization().await;
    let (new, never) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let id = new.key.id;
    let used = async |micros, with_previous| {
        let uses = vec![KeyUse { key: id, at: at(micros), with_previous }];
        store.keys.record_uses(uses).await.unwrap();
        let key = store.key_now(&new.key).await;
        let previous = key.rotation.and_then(|rotation| rotation.previous_last_used_at);
        (key.last_used_at.unwrap(), previous)
    };
    assert_eq!(used(3, false).await, (at(3), None));
    store.rotate(&new.key, 5, 90).await;
    assert_eq!(used(2, true).await, (at(3), Some(at(3))), "that is how it was last used before");
    // Noted before the rotation and recorded after it.
    assert_eq!(used(4, false).await, (at(4), Some(at(4))));
    assert_eq!(used(7, false).await, (at(7), Some(at(4))));
    assert_eq!(used(8, true).await, (at(8), Some(at(8))));
    assert_eq!(used(9, false).await, (at(9), Some(at(8))));
    assert_eq!(used(6, true).await, (at(9), Some(at(8))));
    let both = [(11, true), (12, false), (10, true)];
    let both = both.map(|(micros, with_previous)| KeyUse { key: id, at: at(micros), with_previous });
    store.keys.record_uses(both.to_vec()).await.unwrap();
    assert_eq!(used(1, false).await, (at(12), Some(at(11))));
    // It does not make the key another one, for those that change it.
    let before = store.key_now(&new.key).await;
    let _ = used(20, true).await;
    let disabled = fixtures::disabled(&before, at(21));
    assert_eq!(store.change(fixtures::change(&before, &disabled, at(21))).await, KeyChanged::Done);
    assert_eq!(used(1, true).await, (at(20), Some(at(20))));

    store.keys.record_uses(vec![KeyUse { key: never.key.id, at: at(3), with_previous: true }]).await.unwrap();
    assert_eq!(store.key_now(&never.key).await, ApiKey { last_used_at: Some(at(3)), ..never.key });
}

/// The secret says which key it is.
pub async fn a_secret_that_a_key_has_or_had_before_is_refused(store: &Store) {
    let organization = store.organization().await;
    let (new, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let present = store.rotate(&new.key, 5, 90).await;
    let disabled = store.key(&organization, 3).await;
    let disabling = fixtures::change(&disabled.key, &fixtures::disabled(&disabled.key, at(4)), at(4));
    assert_eq!(store.change(disabling).await, KeyChanged::Done);
    let before = store.read_whole().await;
    for taken in [&present, &new.digest, &other.digest, &disabled.digest] {
        let rotation = fixtures::rotate(&other.key, taken, at(6), at(90));
        assert_eq!(store.change(rotation).await, KeyChanged::Refused(Insertion::Duplicate));
        let again = NewKey { digest: taken.clone(), ..fixtures::key(organization.id, at(7)) };
        let inserted = store.keys.insert_key(again.clone(), fixtures::created(&again)).await.unwrap();
        if *taken != disabled.digest {
            assert_eq!(inserted, Insertion::Duplicate);
        }
    }
    let stale = fixtures::rotate(&new.key, &secret(), at(6), at(90));
    assert_eq!(store.change(stale).await, KeyChanged::Stale);
    let after = store.read_whole().await;
    assert_eq!(before.rows[0], after.rows[0]);
    assert_eq!(store.key_now(&other.key).await, other.key);
}

/// The others' secrets were told to nobody.
pub async fn of_many_rotations_at_once_of_what_was_read_once_one_is_done(store: &Store) {
    let organization = store.organization().await;
    for round in 0..8 {
        let new = store.key(&organization, round).await;
        let all = (0..8).map(|_| {
            let (keys, digest) = (Arc::clone(&store.keys), secret());
            let rotation = fixtures::rotate(&new.key, &digest, at(50), at(90));
            tokio::spawn(async move { (keys.change_key(rotation).await.unwrap(), digest) })
        });
        let outcomes: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
        let done = outcomes.iter().filter(|(outcome, _)| *outcome == KeyChanged::Done).count();
        assert_eq!(done, 1, "{outcomes:?}");
        for (outcome, digest) in &outcomes {
            assert_eq!(store.is_good(digest, at(60)).await, *outcome == KeyChanged::Done);
        }
        assert!(store.is_good(&new.digest, at(60)).await);
        assert_eq!(store.count_events(&new.key, &AuditAction::RotateKey).await, 1);
    }
}

/// A key that is disabled stays so, and both secrets are as they were once it is enabled.
pub async fn both_secrets_of_a_disabled_key_are_found_as_disabled(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let present = store.rotate(&new.key, 5, 90).await;
    let good = store.key_now(&new.key).await;
    let disabled = fixtures::disabled(&good, at(6));
    assert_eq!(store.change(fixtures::change(&good, &disabled, at(6))).await, KeyChanged::Done);
    for own in [&present, &new.digest] {
        assert_eq!(store.found_under(own).await.unwrap().key, disabled);
    }
    let again = secret();
    let rotation = fixtures::rotate(&disabled, &again, at(7), at(90));
    let rotated = rotation.after.clone();
    assert_eq!(store.change(rotation).await, KeyChanged::Done);
    assert_eq!(store.found_under(&new.digest).await, None);
    for own in [&again, &present] {
        assert_eq!(store.found_under(own).await.unwrap().key, rotated);
    }
    let enabled = ApiKey { disabled: None, ..rotated.clone() };
    assert_eq!(store.change(fixtures::change(&rotated, &enabled, at(8))).await, KeyChanged::Done);
    for own in [&again, &present] {
        assert!(store.is_good(own, at(9)).await);
    }
}

/// It is needed until the secret before has ended; that one stays as it is, while the present one may be moved.
pub async fn the_pepper_of_the_secret_before_is_needed_while_that_is_good(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let pepper = |name: &str| PepperId::parse(name).unwrap();
    let under = |name: &str, digest: &KeyDigest| KeyDigest::from_stored(pepper(name), *digest.as_bytes());
    let digest = under("2", &secret());
    let rotation = fixtures::rotate(&new.key, &digest, at(5), at(50));
    assert_eq!(store.change(rotation).await, KeyChanged::Done);
    let moved = under("3", &secret());
    let from_previous = Rehash { key: new.key.id, from: new.digest.clone(), to: under("3", &secret()) };
    let from_present = Rehash { key: new.key.id, from: digest.clone(), to: moved.clone() };
    store.peppers.rehash_keys(vec![from_previous, from_present]).await.unwrap();
    assert_eq!(store.found_under(&digest).await, None);
    for own in [&moved, &new.digest] {
        let found = store.found_under(own).await.unwrap();
        assert_eq!((&found.digest, &found.previous_digest), (&moved, &Some(Box::new(new.digest.clone()))));
    }
    let counted = async |micros| {
        let mut counted = store.peppers.count_pepper_uses(at(micros)).await.unwrap();
        counted.sort_by(|a, b| a.id.cmp(&b.id));
        counted
    };
    let one = |name| PepperUse { id: pepper(name), active_keys: 1 };
    assert_eq!(counted(49).await, [one("1"), one("3")]);
    assert_eq!(counted(50).await, [one("3")]);
    let same = store.key(&organization, 2).await;
    store.rotate(&same.key, 6, 90).await;
    assert_eq!(counted(50).await, [one("1"), one("3")], "both of its secrets need the same one");
    let _ = store.keys.revoke_key(fixtures::revoke(&store.key_now(&new.key).await, at(7))).await.unwrap();
    assert_eq!(counted(49).await, [one("1")]);
}

/// What is done to one key, and after how long.
#[derive(Clone, Copy, Debug)]
enum Step {
    Rotate { grace: i64, keeps_previous: bool },
    Finish,
    Disable,
    Enable,
    End { after: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_i64, any::<bool>()).prop_map(|(grace, keeps_previous)| Step::Rotate { grace, keeps_previous }),
        2 => Just(Step::Finish),
        1 => Just(Step::Disable),
        2 => Just(Step::Enable),
        1 => (1..9_i64).prop_map(|after| Step::End { after }),
    ]
}

/// The secrets that a key has had, each with until when it is good, said in another way than by the store.
struct Secrets {
    all: Vec<(KeyDigest, i64)>,
    present: usize,
    previous: Option<usize>,
}

impl Secrets {
    fn rotate(&mut self, digest: KeyDigest, now: i64, grace: i64, keeps_previous: bool) {
        if keeps_previous && self.previous.is_some_and(|previous| self.all[previous].1 > now) {
            self.all[self.present].1 = now;
        } else {
            self.finish(now);
            self.all[self.present].1 = now + grace;
            self.previous = Some(self.present);
        }
        self.all.push((digest, i64::MAX));
        self.present = self.all.len() - 1;
    }

    fn finish(&mut self, now: i64) {
        if let Some(previous) = self.previous {
            self.all[previous].1 = self.all[previous].1.min(now);
        }
    }
}

async fn do_step(store: &Store, key: &ApiKey, secrets: &mut Secrets, now: i64, step: Step) {
    let before = store.key_now(key).await;
    let mut after = before.clone();
    match step {
        Step::Rotate { grace, keeps_previous } => {
            let digest = secret();
            let mut rotation = fixtures::rotate(&before, &digest, at(now), at(now + grace));
            if let (Some(old), Some(new)) = (&before.rotation, &mut rotation.after.rotation)
                && keeps_previous
                && before.has_two_secrets(at(now))
            {
                **new = Rotation { at: at(now), ..(**old).clone() };
                rotation.secret = Some(NewSecret { digest: digest.clone(), keeps_previous });
            }
            secrets.rotate(digest, now, grace, keeps_previous);
            assert_eq!(store.change(rotation).await, KeyChanged::Done);
            return;
        }
        Step::Finish => {
            secrets.finish(now);
            if let Some(rotation) = &mut after.rotation {
                rotation.previous_expires_at = rotation.previous_expires_at.min(at(now));
            }
        }
        Step::Disable => after = fixtures::disabled(&before, at(now)),
        Step::Enable => after.disabled = None,
        Step::End { after: micros } => after.expires_at = Some(at(now + micros)),
    }
    assert_eq!(store.change(fixtures::change(&before, &after, at(now))).await, KeyChanged::Done);
}

/// At any time, exactly those secrets of a key are good that should be, whatever was done to it.
#[expect(clippy::unused_async, reason = "the suite awaits every case")]
pub async fn exactly_the_secrets_that_should_be_good_are(store: &Store) {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&proptest::collection::vec((0..4_i64, step()), 1..16), |steps| {
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let new = store.key(&store.organization().await, 0).await;
                let all = vec![(new.digest.clone(), i64::MAX)];
                let (mut now, mut secrets) = (0, Secrets { all, present: 0, previous: None });
                for (later, step) in steps {
                    now += later;
                    do_step(store, &new.key, &mut secrets, now, step).await;
                    let is_over = store.key_now(&new.key).await;
                    for time in now..now + 7 {
                        for (digest, until) in &secrets.all {
                            let expected = time < *until && is_over.state(at(time)) == KeyState::Active;
                            assert_eq!(
                                store.is_good(digest, at(time)).await,
                                expected,
                                "{step:?} at {now}, {time}"
                            );
                        }
                    }
                }
            });
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// What the service ends by itself is found by when it was used last, and nothing else is.
pub async fn secrets_that_were_not_used_for_as_long_as_was_asked_are_found(store: &Store) {
    let organization = store.organization().await;
    let rotate = async |micros, idle: Option<u64>| {
        let new = store.key(&organization, micros).await;
        let mut rotation = fixtures::rotate(&new.key, &secret(), at(10), at(90));
        rotation.after.rotation.as_mut().unwrap().finish_when_idle = idle.map(Duration::from_micros);
        let after = rotation.after.clone();
        assert_eq!(store.change(rotation).await, KeyChanged::Done);
        after
    };
    let never = rotate(1, None).await;
    let (used, unused) = (rotate(2, Some(20)).await, rotate(3, Some(20)).await);
    let (ended, revoked) = (rotate(4, Some(5)).await, rotate(5, Some(5)).await);
    for (key, micros, with_previous) in [(&used, 30, true), (&unused, 30, false), (&never, 20, true)] {
        let uses = vec![KeyUse { key: key.id, at: at(micros), with_previous }];
        store.keys.record_uses(uses).await.unwrap();
    }
    store.finish(&ended, 12).await;
    let _ = store.keys.revoke_key(fixtures::revoke(&revoked, at(12))).await.unwrap();
    let found = async |micros, limit| {
        let query = IdleRotations { at: at(micros), limit };
        let mut keys: Vec<_> = store.keys.find_idle_rotations(query).await.unwrap();
        keys.sort_by_key(|key| key.id);
        keys.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(found(29, Limit::MAX).await, []);
    assert_eq!(found(30, Limit::MAX).await, [unused.id]);
    assert_eq!(found(49, Limit::MAX).await, [unused.id]);
    assert_eq!(found(50, Limit::MAX).await, [used.id, unused.id]);
    assert_eq!(found(89, Limit::ONE).await.len(), 1);
    assert_eq!(found(90, Limit::MAX).await, [], "the grace is over");
    store.finish(&unused, 60).await;
    assert_eq!(found(60, Limit::MAX).await, [used.id]);
    assert_eq!(
        store.key_now(&used).await.rotation.unwrap().finish_when_idle,
        Some(Duration::from_micros(20))
    );
}

/// A request may take its time: judged is by which secret its caller was let through, and whether that is good now.
pub async fn a_secret_that_was_replaced_creates_no_key(store: &Store) {
    let organization = store.organization().await;
    let mut creator = fixtures::key(organization.id, at(1));
    creator.key.scopes = fixtures::scopes(&["*"]);
    store.add_key(&creator).await;
    let creates = async |secret, micros| {
        let by = Creator::Key(creator.key.id, secret);
        let new = NewKey { creator: by, ..fixtures::key(organization.id, at(micros)) };
        match store.keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap() {
            Insertion::Inserted => true,
            Insertion::CreatorInactive => false,
            other => panic!("{other:?}"),
        }
    };
    let (first, second) = (HeldSecret::Since(None), HeldSecret::Since(Some(at(10))));
    assert!(creates(first, 9).await);
    assert!(!creates(second, 9).await);
    store.rotate(&creator.key, 10, 50).await;
    for (secret, micros, expected) in [
        (first, 49, true),
        (HeldSecret::Previous, 49, true),
        (second, 49, true),
        (first, 50, false),
        (HeldSecret::Previous, 50, false),
        (second, 50, true),
    ] {
        assert_eq!(creates(secret, micros).await, expected, "{secret:?} at {micros}");
    }
    store.finish(&creator.key, 20).await;
    let other = store.key(&organization, 3).await.key;
    for (secret, expected) in [(first, false), (HeldSecret::Previous, false), (second, true)] {
        assert_eq!(creates(secret, 30).await, expected, "{secret:?}");
        let change = fixtures::change(&other, &other, at(30));
        let changed =
            store.change(KeyChange { by: Some(Creator::Key(creator.key.id, secret)), ..change }).await;
        let refused = KeyChanged::Refused(Insertion::CreatorInactive);
        assert_eq!(changed, if expected { KeyChanged::Done } else { refused });
    }
}
