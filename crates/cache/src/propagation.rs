//! Awaiting the propagation of a change to every replica.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::ports::{Change, Registry, ReplicaRegistry, Replicas};
use opentelemetry::{global, metrics::Histogram};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::sleep,
};
use tracing::Instrument;

use crate::{
    BootClock, SystemBootClock, VerificationCache, acknowledgement::Acknowledgement, operation::ask,
    settings::LONGEST_REGISTRATION, sync::within,
};

/// How long between two looks at who has confirmed. A replica confirms within the interval of its
/// polls, so there are some ten of them.
const PAUSE: Duration = Duration::from_millis(10);
/// How many changes may wait to be told of one read of the registry.
const WAITING: usize = 1_024;

/// From a server that is alone to one that waits for another's longest lease, in seconds.
const BOUNDARIES: [f64; 10] = [0.001, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("capykeys")
        .f64_histogram("capykeys.propagation.duration")
        .with_description("How long changes wait until every server has obeyed")
        .with_unit("s")
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
});

/// Lets a change be acknowledged when no replica acts any more on the state before it, and nobody who
/// keeps a verdict does.
pub struct Propagation {
    own: Option<VerificationCache>,
    clock: Arc<dyn BootClock>,
    /// Reads the registry; `None` where nobody else is waited for.
    reads: Option<mpsc::Sender<Reply>>,
}

type Reply = oneshot::Sender<Option<Arc<Registry>>>;

impl Propagation {
    /// Waits for nobody else. `own` is the cache of this process, where it has one.
    #[must_use]
    pub fn new(own: Option<VerificationCache>) -> Self {
        let clock =
            own.as_ref().map_or_else(|| Arc::new(SystemBootClock) as _, |own| Arc::clone(&own.0.clock));
        Self { own, clock, reads: None }
    }

    /// Waits for the replicas in `registry` as well, which is read on `runtime`.
    #[must_use]
    pub fn with_others(self, registry: Arc<dyn ReplicaRegistry>, runtime: &Handle) -> Self {
        Self { reads: Some(start(registry, runtime)), ..self }
    }

    async fn until_confirmed(&self, reads: &mpsc::Sender<Reply>) {
        // The commit is known, so it was before this.
        let committed = self.clock.now();
        let own = self.own.as_ref().map(|own| own.0.id);
        let mut acknowledgement = Acknowledgement::new(own, committed);
        let left = |acknowledgement: &Acknowledgement| acknowledgement.latest().since(self.clock.now());
        loop {
            // A registry that does not answer delays nobody for longer than one that fails.
            let told = within(left(&acknowledgement), registry_after_now(reads)).await;
            if let Some(registry) = told.flatten() {
                let known = self.own.as_ref().and_then(|own| own.0.read().epoch_since(registry.head.epoch));
                acknowledgement.told(&registry, known.unwrap_or_else(|| self.clock.now()));
            }
            let left = left(&acknowledgement);
            if left.is_zero() {
                return;
            }
            sleep(left.min(PAUSE)).await;
        }
    }
}

async fn registry_after_now(reads: &mpsc::Sender<Reply>) -> Option<Arc<Registry>> {
    let (reply, answer) = oneshot::channel();
    reads.send(reply).await.ok()?;
    answer.await.ok()?
}

#[async_trait]
impl Replicas for Propagation {
    async fn until_obeyed(&self, change: Change) {
        let started = self.clock.now();
        let kept_until = self.own.as_ref().map(|own| own.invalidate(change));
        let waiting = async {
            if let Some(reads) = &self.reads {
                self.until_confirmed(reads).await;
            }
            // tokio's clock may stand still in suspend: then this waits for longer, never for less.
            sleep(kept_until.map_or(Duration::ZERO, |until| until.since(self.clock.now()))).await;
            tracing::debug!("every replica has obeyed");
        };
        let span = tracing::trace_span!(target: "capykeys::trace", "await propagation");
        waiting.instrument(span).await;
        DURATION.record(self.clock.now().since(started).as_secs_f64(), &[]);
    }
}

/// Reads the registry for everybody who waits, one read at a time: whoever asks while one is under
/// way gets the answer of the next, which begins after they asked.
fn start(registry: Arc<dyn ReplicaRegistry>, runtime: &Handle) -> mpsc::Sender<Reply> {
    let (reads, mut asked) = mpsc::channel(WAITING);
    runtime.spawn(async move {
        let mut waiting: Vec<Reply> = Vec::new();
        while asked.recv_many(&mut waiting, WAITING).await > 0 {
            let read = ask("read_registry", LONGEST_REGISTRATION, registry.read_registry()).await;
            if let Err(error) = &read {
                tracing::warn!(%error, "the replicas are not known: changes wait for the longest registration");
            }
            let read = read.ok().map(Arc::new);
            for reply in waiting.drain(..) {
                // Who has gone away meanwhile need not know.
                let _ = reply.send(read.clone());
            }
        }
    });
    reads
}
