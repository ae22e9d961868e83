//! Whatever happens meanwhile, in the end the store has the latest use of each key.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use capykeys_conformance::fixtures::at;
use capykeys_domain::ports::{KeyStore, Uses};
use capykeys_usage::{UsageSettings, UseRecorder};
use proptest::prelude::*;
use tokio::{
    runtime::{Builder, Handle},
    time::sleep,
};

use crate::{
    SECOND,
    support::{FakeStore, Fate, used},
};

#[derive(Clone, Debug)]
enum Step {
    Use {
        key: usize,
        micros: i64,
    },
    /// An interval ends, and this comes of it.
    Interval(Fate),
    /// A recording is cut short, with the store at work.
    CutShort,
    Wait {
        millis: u64,
    },
}

const KEYS: usize = 6;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate =
        prop_oneof![Just(Fate::Recorded), Just(Fate::Refused), Just(Fate::HalfDone), Just(Fate::Unanswered)];
    let step = prop_oneof![
        10 => (0..KEYS, -50..50_i64).prop_map(|(key, micros)| Step::Use { key, micros }),
        2 => fate.prop_map(Step::Interval),
        1 => Just(Step::CutShort),
        2 => (0..3_000_u64).prop_map(|millis| Step::Wait { millis }),
    ];
    proptest::collection::vec(step, 1..80)
}

async fn run(steps: &[Step]) {
    let store = FakeStore::with_keys(i64::try_from(KEYS).unwrap()).await;
    store.delay(Duration::from_millis(700));
    let recorder = UseRecorder::new(UsageSettings::default(), Arc::clone(&store) as Arc<dyn KeyStore>);
    let mut recording = recorder.spawn(&Handle::current());
    let mut latest = HashMap::new();
    for step in steps {
        match step {
            Step::Use { key, micros } => {
                let (key, time) = (store.ids[*key], at(*micros));
                recorder.used(used(key, time));
                let known = latest.entry(key).or_insert(time);
                *known = time.max(*known);
            }
            Step::Interval(fate) => {
                store.decide([*fate]);
                sleep(6 * SECOND).await;
            }
            Step::CutShort => {
                drop(std::mem::replace(&mut recording, recorder.spawn(&Handle::current())));
            }
            Step::Wait { millis } => sleep(Duration::from_millis(*millis)).await,
        }
    }
    assert_eq!(recorder.flush(3_600 * SECOND).await, 0);
    assert_eq!(store.last_used().await, latest);
    let useless = store.calls().iter().any(|uses| {
        let keys: BTreeSet<_> = uses.iter().map(|one| one.key).collect();
        keys.is_empty() || keys.len() < uses.len()
    });
    assert!(!useless, "a call without uses, or with two of one key");
}

proptest! {
    #[test]
    fn in_the_end_the_store_has_the_latest_use_of_each_key(steps in steps()) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(&steps));
    }
}
