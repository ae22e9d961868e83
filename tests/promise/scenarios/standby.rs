//! The `PgBouncer` before replica B leads to a hot standby for a while, which does not know yet what
//! was revoked meanwhile.

use std::time::Duration;

use capykeys_testkit::Cluster;
use capykeys_tests::{on_one_store, wait};

use crate::{
    campaign::{self, Fault, Lasts},
    postgres::Session,
    scene::{On, Route, Scene},
};

on_one_store![
    postgresql:
    a_replica_that_is_led_to_a_standby_accepts_nothing_too_long,
    a_replica_that_is_led_to_a_standby_accepts_no_key_that_it_did_not_know,
];

const LIMIT: Duration = Duration::from_mins(1);

/// A standby that can be held back.
struct Standby {
    cluster: Cluster,
    session: Session,
}

impl Standby {
    fn of(primary: &Cluster) -> Self {
        let cluster = Cluster::standby_of(primary);
        let session = Session::open_patiently(&cluster.url("postgres"), LIMIT);
        Self { cluster, session }
    }

    /// Lets it learn all that is committed by now, and nothing more.
    fn hold(&self, primary: &str) {
        self.session.run("SELECT pg_wal_replay_resume()");
        let primary = Session::open_patiently(primary, LIMIT);
        let committed: String = primary.row("SELECT pg_current_wal_lsn()::text", &[]).get(0);
        wait::until("the standby has caught up", LIMIT, || {
            let caught_up = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
            self.session.row(caught_up, &[&committed]).get::<_, bool>(0).then_some(())
        });
        self.session.run("SELECT pg_wal_replay_pause()");
        wait::until("the standby stands still", LIMIT, || {
            let state: String = self.session.row("SELECT pg_get_wal_replay_pause_state()", &[]).get(0);
            (state == "paused").then_some(())
        });
    }
}

fn is_ready(scene: &Scene) -> bool {
    match scene.b.get("/readyz").send().status {
        200 => true,
        503 => false,
        status => panic!("/readyz answers {status}"),
    }
}

fn led_to_a_standby(scenario: &str, on_cold_keys: bool) {
    let mut scene = Scene::new(Route::BouncedAlone, On::Own);
    let standby = Standby::of(scene.cluster());
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::from_millis(500)),
        |scene, _| scene.bouncer().lead_to(&standby.cluster),
        |scene| {
            wait::until("a replica on a standby is not ready", LIMIT, || (!is_ready(scene)).then_some(()));
            scene.bouncer().lead_to(scene.cluster());
            wait::until("it is ready on the primary", LIMIT, || is_ready(scene).then_some(()));
        },
    );
    let fault = fault.before_all().prepared_by(|scene| standby.hold(&scene.database_url()));
    let fault = if on_cold_keys { fault.on_cold_keys() } else { fault };
    campaign::run(scenario, &mut scene, fault);
}

fn a_replica_that_is_led_to_a_standby_accepts_nothing_too_long() {
    led_to_a_standby("led to a standby", false);
}

fn a_replica_that_is_led_to_a_standby_accepts_no_key_that_it_did_not_know() {
    led_to_a_standby("led to a standby, keys not known before", true);
}
