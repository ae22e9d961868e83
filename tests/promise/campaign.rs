//! Revoking many keys while something is broken, over and over.

use std::{
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{Created, verification::question_for, wait};

use crate::{
    driver::{Driver, Sample},
    judge::Judge,
    postgres::Session,
    random::Random,
    revoker::{Means, Revocation, Revoker},
    scene::Scene,
    settings,
};

/// How many keys are revoked while something is broken once.
const KEYS: usize = 4;
/// How many verifications of each key must have been accepted before it is revoked.
const WARM: usize = 5;
/// For how long those who ask for the first key, the second and so on would keep each verdict.
const KEEP: [Duration; 2] = [Duration::ZERO, Duration::from_millis(300)];
/// Within this time of the start of a round something is broken, and each key is revoked.
const STRIKE_WITHIN: Duration = Duration::from_millis(150);
const REVOKE_WITHIN: Duration = Duration::from_millis(250);
/// How long keys are still verified after all revocations were acknowledged.
const AFTERWARDS: Duration = Duration::from_millis(150);
/// Within which anything that a test waits for has happened.
const LIMIT: Duration = Duration::from_mins(1);

type Strike<'a> = Box<dyn FnMut(&mut Scene, &mut Random) + 'a>;
type Step<'a> = Box<dyn FnMut(&mut Scene) + 'a>;

/// What is broken, and how it is mended.
pub(crate) struct Fault<'a> {
    /// What is done before, once the keys are there.
    prepare: Step<'a>,
    strike: Strike<'a>,
    /// Comes back when all is whole again.
    heal: Step<'a>,
    lasts: Lasts,
    /// Whether the keys were verified before, so that the replica has them in its cache.
    warm: bool,
    /// Whether all is broken before the first key is revoked.
    first: bool,
    /// How keys are revoked.
    means: Means,
}

/// How long something stays broken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lasts {
    /// No longer than it takes to strike and to heal.
    Moment,
    /// Until every DELETE was answered, and at least so long.
    UntilRevoked(Duration),
}

impl<'a> Fault<'a> {
    /// Nothing is broken.
    pub(crate) fn none() -> Self {
        Self::new(Lasts::Moment, |_, _| {}, |_| {})
    }

    pub(crate) fn new(
        lasts: Lasts,
        strike: impl FnMut(&mut Scene, &mut Random) + 'a,
        heal: impl FnMut(&mut Scene) + 'a,
    ) -> Self {
        let (strike, heal) = (Box::new(strike), Box::new(heal));
        Self {
            prepare: Box::new(|_| {}),
            strike,
            heal,
            lasts,
            warm: true,
            first: false,
            means: Means::Delete,
        }
    }

    /// The same, broken before the first key is revoked.
    pub(crate) fn before_all(mut self) -> Self {
        self.first = true;
        self
    }

    /// The same, where keys are made worthless by other means.
    pub(crate) fn by(self, means: Means) -> Self {
        Self { means, ..self }
    }

    /// The same, after this was done once the keys are there.
    pub(crate) fn prepared_by(mut self, prepare: impl FnMut(&mut Scene) + 'a) -> Self {
        self.prepare = Box::new(prepare);
        self
    }

    /// The same, on keys that the replica has not seen before.
    pub(crate) fn on_cold_keys(mut self) -> Self {
        self.warm = false;
        self
    }
}

/// Revokes as many keys as the tests are set to, prints the figures, and fails where the promise was
/// broken.
#[track_caller]
pub(crate) fn run(scenario: &str, scene: &mut Scene, fault: Fault<'_>) -> Judge {
    let judge = observe(scenario, scene, settings::revocations(), fault);
    judge.conclude(scenario);
    judge
}

/// Revokes so many keys, or a few more.
pub(crate) fn observe(scenario: &str, scene: &mut Scene, revocations: usize, mut fault: Fault<'_>) -> Judge {
    let seed = settings::seed();
    let mut random = Random::new(seed);
    let mut judge = Judge::new(fault.means.code(), scene.lease);
    let witness = scene.keys(1).remove(0);
    let driver = Driver::start(scene.target.clone(), settings::rate());
    for round in 0..revocations.div_ceil(KEYS) {
        let context = format!("{scenario}, seed {seed}, round {round}");
        let mut round = Round { context, scene, driver: &driver, witness: &witness, random: &mut random };
        round.run(&mut fault, &mut judge);
    }
    judge
}

struct Round<'a> {
    context: String,
    scene: &'a mut Scene,
    driver: &'a Driver,
    /// A key that is not revoked. It is the last of those that are verified.
    witness: &'a Created,
    random: &'a mut Random,
}

impl Round<'_> {
    fn run(&mut self, fault: &mut Fault<'_>, judge: &mut Judge) {
        let keys = self.scene.keys(KEYS);
        let ask = |(key, keep): (&Created, Duration)| question_for(&key.plaintext, keep, &["jobs:read"]);
        let asked: Vec<_> =
            keys.iter().chain([self.witness]).zip(KEEP.into_iter().cycle()).map(ask).collect();
        if fault.warm {
            self.driver.begin(asked.iter().cloned());
            self.warm_up();
        }
        (fault.prepare)(self.scene);
        let revoke_from = Instant::now() + if fault.first { STRIKE_WITHIN } else { Duration::ZERO };
        let revocations: Vec<_> = keys.iter().map(|key| self.revoke(key, fault.means, revoke_from)).collect();
        thread::sleep(self.random.below(STRIKE_WITHIN));
        let struck = Instant::now();
        (fault.strike)(self.scene, self.random);
        if !fault.warm {
            self.driver.begin(asked);
        }
        let revocations = if let Lasts::UntilRevoked(at_least) = fault.lasts {
            let revocations = join(revocations);
            thread::sleep(at_least.saturating_sub(struck.elapsed()));
            self.heal(fault, judge);
            revocations
        } else {
            self.heal(fault, judge);
            join(revocations)
        };
        self.look_afterwards(&revocations);
        self.judge(&revocations, judge);
    }

    fn warm_up(&self) {
        self.driver.wait("every key is accepted", LIMIT, |samples| {
            let accepted =
                |key| samples.iter().filter(|sample| sample.key == key && sample.is_accepted()).count();
            (0..=KEYS).all(|key| accepted(key) >= WARM).then_some(())
        });
    }

    /// Revokes a key at a random time, on a thread of its own.
    fn revoke(&mut self, key: &Created, means: Means, from: Instant) -> thread::JoinHandle<Revocation> {
        let revoker = Revoker { means, ..self.scene.revoker() };
        let (id, plaintext) = (key.id().to_owned(), key.plaintext.clone());
        let at = from + self.random.below(REVOKE_WITHIN);
        thread::spawn(move || {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            revoker.revoke(&id, &plaintext)
        })
    }

    /// Mends what is broken, and sees how long it takes until verification is back.
    fn heal(&mut self, fault: &mut Fault<'_>, judge: &mut Judge) {
        (fault.heal)(self.scene);
        let url = self.scene.database_url();
        Session::open_patiently(&url, LIMIT);
        let (healed, mut busy) = (Instant::now(), Duration::ZERO);
        let back = wait::until("verification is back", LIMIT, || {
            let back = self.driver.look(|samples| {
                let witnessed = samples.iter().filter(|sample| sample.key == KEYS && sample.is_accepted());
                witnessed.filter(|sample| sample.sent >= healed).map(|sample| sample.came).min()
            });
            if back.is_none() {
                busy += time_when_busy(&url);
            }
            back
        });
        judge.back_after(&self.context, back - healed, busy);
    }

    fn look_afterwards(&self, revocations: &[Revocation]) {
        let answered = |key: usize| revocations[key].answered;
        self.driver.wait("every key is refused after DELETE has answered", LIMIT, |samples| {
            let refused = |key| {
                let mut of_key = samples.iter().filter(|sample| sample.key == key && sample.is_refused());
                of_key.any(|sample| sample.sent > answered(key))
            };
            (0..KEYS).all(refused).then_some(())
        });
        let last = (0..KEYS).map(answered).max().expect("some keys");
        thread::sleep(AFTERWARDS.saturating_sub(last.elapsed()));
    }

    fn judge(&self, revocations: &[Revocation], judge: &mut Judge) {
        let samples = self.driver.end();
        for (key, revocation) in revocations.iter().enumerate() {
            let of_key: Vec<&Sample> = samples.iter().filter(|sample| sample.key == key).collect();
            judge.judge(&format!("{}, key {key}", self.context), revocation, &of_key);
        }
        let refused = samples.iter().find(|sample| sample.key == KEYS && sample.is_refused());
        assert!(refused.is_none(), "{}: a key that nobody revoked is refused: {refused:?}", self.context);
    }
}

/// How long the machine takes for what it does at once where it has nothing else to do: none where it
/// does so. Nobody can be back in time who is not given any.
fn time_when_busy(database: &str) -> Duration {
    const AT_ONCE: Duration = Duration::from_millis(50);
    let start = Instant::now();
    Session::open_patiently(database, LIMIT);
    Some(start.elapsed()).filter(|took| *took > AT_ONCE).unwrap_or_default()
}

fn join(revocations: Vec<thread::JoinHandle<Revocation>>) -> Vec<Revocation> {
    revocations.into_iter().map(|revocation| revocation.join().expect("the key is revoked")).collect()
}
