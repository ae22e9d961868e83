//! Which secrets of a key are good, and for what.

use std::time::Duration;

use capykeys_domain::{
    model::{ApiKey, Creator, KeyPrefix, KeyState, Rotation},
    policy::Forbidden,
    ports::{
        IdleRotations, Insertion, KeyChange, KeyChanged, KeyUse, Limit, NewKey, NewSecret, PepperUse, Rehash,
    },
    secret::{KeyDigest, PepperId},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Handle;

use super::rotate::secret;
use crate::{Store, fixtures, fixtures::at};

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
        let noted = KeyUse { key: key.id, at: at(micros), with_previous };
        store.keys.record_uses(vec![noted]).await.unwrap();
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
    let by = |secret: &KeyPrefix| Creator::Key(creator.key.id, secret.clone());
    let creates = async |secret: &KeyPrefix, micros, end: Option<i64>| {
        let mut new = NewKey { creator: by(secret), ..fixtures::key(organization.id, at(micros)) };
        new.key.expires_at = end.map(at);
        store.keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap()
    };
    let outlives = Insertion::Denied(Forbidden::OutlivesCreator.into());
    let first = &creator.key.key_prefix;
    assert_eq!(creates(first, 9, None).await, Insertion::Inserted);
    store.rotate(&creator.key, 10, 50).await;
    let second = &store.key_now(&creator.key).await.key_prefix;
    let discarded = &KeyPrefix::from_stored("capy_live_0000");
    for (secret, micros, end, expected) in [
        (first, 49, Some(50), Insertion::Inserted),
        (first, 49, Some(51), outlives.clone()),
        (first, 49, None, outlives),
        (first, 50, Some(50), Insertion::CreatorInactive),
        (second, 49, None, Insertion::Inserted),
        (second, 50, None, Insertion::Inserted),
        (discarded, 49, Some(50), Insertion::CreatorInactive),
    ] {
        assert_eq!(creates(secret, micros, end).await, expected, "{secret:?} at {micros} until {end:?}");
    }
    store.finish(&creator.key, 20).await;
    let other = store.key(&organization, 3).await.key;
    for (secret, expected) in [(first, false), (discarded, false), (second, true)] {
        let is_created = creates(secret, 30, None).await == Insertion::Inserted;
        assert_eq!(is_created, expected, "{secret:?}");
        let change = fixtures::change(&other, &other, at(30));
        let changed = store.change(KeyChange { by: Some(by(secret)), ..change }).await;
        let refused = KeyChanged::Refused(Insertion::CreatorInactive);
        assert_eq!(changed, if expected { KeyChanged::Done } else { refused });
    }
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
