//! Verifies keys on a replica at a fixed rate, whatever it answers.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    runtime,
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    verification::{Connection, Told, Verdict},
    wait,
};

/// How often in a second it is looked what is due to be asked.
const TICKS: u32 = 1_000;
/// So long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(12);
/// A connection that nobody used for so long may be closed by the replica right now.
const FRESH: Duration = Duration::from_secs(2);
/// From this many questions without an answer on, fewer are asked: one in [`THINNED`], a prime, so that
/// no key is left out.
const MANY: usize = 512;
const THINNED: u64 = 19;
/// And from this many on, none.
const TOO_MANY: usize = 2_000;

/// One verification.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which of the keys.
    pub key: usize,
    /// Before the first byte of the question was sent.
    pub sent: Instant,
    /// After the last byte of the answer came.
    pub came: Instant,
    /// None where the connection ended before there was an answer.
    pub verdict: Option<Verdict>,
}

impl Sample {
    /// Whether the key may be let in.
    pub const fn is_accepted(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Accepted { .. }))
    }

    /// Whether it may not.
    pub const fn is_refused(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Refused(_)))
    }
}

/// What is asked.
pub trait Source: Send + 'static {
    /// How many questions a second.
    fn rate(&self) -> usize;
    /// The next one, and the number of its key; none where there is none now.
    fn next(&mut self) -> Option<(usize, Arc<[u8]>)>;
    /// From now on there is none.
    fn end(&mut self);
}

/// For each of some keys in turn.
pub struct InTurn {
    questions: Vec<Arc<[u8]>>,
    /// How often for each of them.
    rate: u32,
    next: usize,
}

impl Source for InTurn {
    fn rate(&self) -> usize {
        self.rate as usize * self.questions.len()
    }

    fn next(&mut self) -> Option<(usize, Arc<[u8]>)> {
        self.next = (self.next + 1) % self.questions.len().max(1);
        Some((self.next, Arc::clone(self.questions.get(self.next)?)))
    }

    fn end(&mut self) {
        self.questions.clear();
    }
}

struct Shared<S> {
    source: Mutex<S>,
    samples: Mutex<Vec<Sample>>,
    unanswered: AtomicUsize,
    ended: AtomicBool,
}

/// Where the replica listens; another place after it was started again.
pub type Target = Arc<Mutex<SocketAddr>>;

/// Asks on a thread of its own until it is dropped.
pub struct Driver<S: Source = InTurn> {
    shared: Arc<Shared<S>>,
    thread: Option<JoinHandle<()>>,
}

/// Whether there is such a sample of each of so many keys.
pub fn all_keys(count: usize, samples: &[Sample], wanted: impl Fn(&Sample) -> bool) -> Option<()> {
    let mut have = vec![false; count];
    samples.iter().filter(|sample| wanted(sample)).for_each(|sample| have[sample.key] = true);
    have.iter().all(|&has| has).then_some(())
}

impl Driver {
    /// Will ask for each of its keys `rate` times a second.
    pub fn start(target: Target, rate: u32) -> Self {
        Self::of(InTurn { questions: Vec::new(), rate, next: 0 }, target)
    }

    /// Asks these questions from now on. Those that begin as the last ones did go on.
    pub fn begin(&self, questions: impl IntoIterator<Item = Vec<u8>>) {
        locked(&self.shared.source).questions = questions.into_iter().map(Arc::from).collect();
    }
}

impl<S: Source> Driver<S> {
    /// Will ask what `source` says.
    pub fn of(source: S, target: Target) -> Self {
        let shared = Arc::new(Shared {
            source: Mutex::new(source),
            samples: Mutex::default(),
            unanswered: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let asked = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, run(asked, target));
        });
        Self { shared, thread: Some(thread) }
    }

    /// Asks for nothing any more, waits until all is answered, and gives what was seen since the
    /// beginning.
    pub fn end(&self) -> Vec<Sample> {
        locked(&self.shared.source).end();
        wait::until("every question is answered or given up", PATIENCE * 2, || {
            (self.shared.unanswered.load(Ordering::SeqCst) == 0).then_some(())
        });
        std::mem::take(&mut locked(&self.shared.samples))
    }

    /// What `wanted` makes of what was seen since the beginning.
    pub fn look<T>(&self, wanted: impl FnOnce(&[Sample]) -> T) -> T {
        wanted(&locked(&self.shared.samples))
    }

    /// Waits until `wanted` makes something of what was seen since the beginning.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, limit: Duration, mut wanted: impl FnMut(&[Sample]) -> Option<T>) -> T {
        wait::until(what, limit, || self.look(&mut wanted))
    }
}

impl<S: Source> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Its content, whoever panicked with it.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open connection that nobody waits on, and when it was last used.
type Idle = Rc<RefCell<Vec<(Connection, Instant)>>>;

async fn run<S: Source>(shared: Arc<Shared<S>>, target: Target) {
    let idle = Idle::default();
    let mut ticks = interval(Duration::from_secs(1) / TICKS);
    // The schedule stands, also where this thread comes too late for some of it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut count, mut due) = (0, 0);
    while !shared.ended.load(Ordering::SeqCst) {
        ticks.tick().await;
        // Locked until all of this tick are counted, so that none is asked after the end.
        let mut source = locked(&shared.source);
        // In parts of a question, of which there are as many as ticks in a second.
        due += source.rate();
        while due >= TICKS as usize {
            due -= TICKS as usize;
            let Some((key, question)) = source.next() else { continue };
            let unanswered = shared.unanswered.load(Ordering::SeqCst);
            count += 1;
            if unanswered >= TOO_MANY || (unanswered >= MANY && count % THINNED != 0) {
                continue;
            }
            shared.unanswered.fetch_add(1, Ordering::SeqCst);
            let (shared, idle, address) = (Arc::clone(&shared), Rc::clone(&idle), *locked(&target));
            spawn_local(async move {
                let sample = ask(key, &question, address, &idle).await;
                locked(&shared.samples).push(sample);
                shared.unanswered.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }
}

async fn ask(key: usize, question: &[u8], address: SocketAddr, idle: &Idle) -> Sample {
    let sent = Instant::now();
    let told = timeout(PATIENCE, ask_on_any(question, address, idle)).await.ok().flatten();
    told.map_or_else(
        || Sample { key, sent, came: Instant::now(), verdict: None },
        |told| Sample { key, sent: told.sent, came: told.came, verdict: Some(told.verdict) },
    )
}

async fn ask_on_any(question: &[u8], address: SocketAddr, idle: &Idle) -> Option<Told> {
    let mut connection = match take(idle) {
        Some(connection) => connection,
        None => Connection::open(address).await.ok()?,
    };
    let told = connection.ask(question).await.ok()?;
    idle.borrow_mut().push((connection, told.came));
    Some(told)
}

/// The one that was used last, so that those that are not needed grow old.
fn take(idle: &Idle) -> Option<Connection> {
    let mut idle = idle.borrow_mut();
    let fresh = idle.pop().filter(|(_, used)| used.elapsed() < FRESH);
    if fresh.is_none() {
        idle.clear();
    }
    fresh.map(|(connection, _)| connection)
}
