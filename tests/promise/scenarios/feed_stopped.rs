//! The processes of PostgreSQL that serve the change feed stand still, and all others go on.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use capykeys_tests::on_one_store;

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    campaign::{self, Fault, Lasts},
    postgres::Session,
    scene::{FEED, On, Route, Scene},
};

on_one_store![postgresql: a_feed_that_stands_still_makes_no_key_live_longer];

const BACKENDS: &str =
    "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()";

/// Between two looks for new ones.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// For how long they stand still: well beyond L. But not for ever, because one that happens to hold a lock
/// holds up everybody, DELETE too.
const LONGEST: Duration = Duration::from_secs(2);

/// Stops them until it is dropped or [`LONGEST`] has passed, those too that are started meanwhile.
struct Stopper {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Stopper {
    fn start(url: &str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let session = Session::open(url).expect("a connection");
        let thread = thread::spawn({
            let ended = Arc::clone(&ended);
            move || stop_until(&ended, &session)
        });
        Self { ended, thread: Some(thread) }
    }

    /// Lets them go on, and says how many there were.
    fn end(&mut self) -> usize {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.take().map_or(0, |thread| thread.join().expect("the thread that stops them"))
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.end();
    }
}

fn stop_until(ended: &AtomicBool, session: &Session) -> usize {
    let (mut stopped, start): (Vec<Pid>, _) = (Vec::new(), Instant::now());
    while !ended.load(Ordering::SeqCst) && start.elapsed() < LONGEST {
        for row in session.query_within(LONGEST / 4, BACKENDS, &[&FEED]).unwrap_or_default() {
            let pid = Pid::from_raw(row.get(0)).expect("a pid");
            if !stopped.contains(&pid) && kill_process(pid, Signal::STOP).is_ok() {
                stopped.push(pid);
            }
        }
        thread::sleep(LOOK_AGAIN);
    }
    for pid in &stopped {
        // One whose client has gone may have ended.
        let _ = kill_process(*pid, Signal::CONT);
    }
    stopped.len()
}

fn a_feed_that_stands_still_makes_no_key_live_longer() {
    let mut scene = Scene::new(Route::Direct, On::Shared);
    let (stopper, count) = (RefCell::new(None), Cell::new(0));
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::ZERO),
        |scene, _| drop(stopper.replace(Some(Stopper::start(&scene.database_url())))),
        |_| count.set(count.get() + stopper.take().map_or(0, |mut stopper| stopper.end())),
    );
    campaign::run("feed's backends stopped", &mut scene, fault);
    assert!(count.get() > 0, "nothing was stopped");
}
