//! Waiting until every replica has obeyed a change.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use capykeys_domain::ports::{Change, Registry, ReplicaRegistry, Replicas, Unavailable};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::sleep,
};
use tracing::Instrument;

use crate::{
    BootClock, BootTime, DEPENDENCY, SystemBootClock, VerificationCache, acknowledgement::Acknowledgement,
    settings::LONGEST_LEASE, sync::within,
};

/// How long between two looks at who has confirmed. A replica confirms within the interval of its
/// polls, so there are some ten of them.
const PAUSE: Duration = Duration::from_millis(10);
/// How many changes may wait to be told of one read of the registry.
const WAITING: usize = 1_024;

/// Lets a change be acknowledged when no replica acts any more on what was before it, and nobody
/// else who keeps a verdict does.
pub struct Propagation {
    own: Option<VerificationCache>,
    clock: Arc<dyn BootClock>,
    reads: mpsc::Sender<Reply>,
}

type Reply = oneshot::Sender<Option<Arc<Registry>>>;

impl Propagation {
    /// For a process with a cache of its own, which `registry` knows. It reads the registry on
    /// `runtime`.
    #[must_use]
    pub fn with_own(own: VerificationCache, registry: Arc<dyn ReplicaRegistry>, runtime: &Handle) -> Self {
        let (clock, reads) = (Arc::clone(&own.0.clock), start(registry, runtime));
        Self { own: Some(own), clock, reads }
    }

    /// For a process that changes what others remember.
    #[must_use]
    pub fn for_others(registry: Arc<dyn ReplicaRegistry>, runtime: &Handle) -> Self {
        Self { own: None, clock: Arc::new(SystemBootClock), reads: start(registry, runtime) }
    }

    /// The registry as it is after this call.
    async fn registry(&self) -> Option<Arc<Registry>> {
        let (reply, answer) = oneshot::channel();
        self.reads.send(reply).await.ok()?;
        answer.await.ok()?
    }

    async fn until_confirmed(&self, committed: BootTime) {
        let own = self.own.as_ref().map(|own| own.0.id);
        let mut acknowledgement = Acknowledgement::new(own, committed);
        let left = |acknowledgement: &Acknowledgement| acknowledgement.latest().since(self.clock.now());
        loop {
            // A registry that does not answer delays nobody for longer than one that fails.
            let told = within(left(&acknowledgement), self.registry()).await;
            if let Some(registry) = told.flatten() {
                acknowledgement.told(&registry);
            }
            let left = left(&acknowledgement);
            if left.is_zero() {
                return;
            }
            sleep(left.min(PAUSE)).await;
        }
    }
}

#[async_trait]
impl Replicas for Propagation {
    async fn until_obeyed(&self, change: Change) {
        let kept_until = self.own.as_ref().map(|own| own.invalidate(change));
        let waiting = async {
            self.until_confirmed(self.clock.now()).await;
            // tokio's clock may stand still in suspend: then this waits for longer, never for less.
            sleep(kept_until.map_or(Duration::ZERO, |until| until.since(self.clock.now()))).await;
            tracing::debug!("every replica has obeyed");
        };
        waiting.instrument(tracing::info_span!("await_propagation")).await;
    }
}

/// Reads the registry for everybody who waits, one read at a time: whoever asks while one is under
/// way is told by the next, which begins after they asked.
fn start(registry: Arc<dyn ReplicaRegistry>, runtime: &Handle) -> mpsc::Sender<Reply> {
    let (reads, mut asked) = mpsc::channel(WAITING);
    runtime.spawn(async move {
        let mut waiting: Vec<Reply> = Vec::new();
        while asked.recv_many(&mut waiting, WAITING).await > 0 {
            let read = within(LONGEST_LEASE, registry.registry()).await;
            let read =
                read.unwrap_or_else(|| Err(Unavailable::new(DEPENDENCY, "registry: no answer in time")));
            if let Err(error) = &read {
                tracing::warn!(%error, "the replicas are not known: changes wait for the longest lease");
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
