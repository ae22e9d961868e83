//! The service does not answer: nobody comes in, and everybody does again when it is back.

use std::time::Instant;

use crate::{
    gateway::Outage,
    message::Message,
    request::Request,
    stand::Stand,
    world::{JOBS, PUBLIC, WORLD},
};

#[track_caller]
fn assert_told(stand: &Stand, answer: &Message) {
    match stand.gateway.outage {
        Outage::Explained => answer.assert_refused(503),
        Outage::Bare(status) => assert_eq!(answer.status(), status, "{answer:?}"),
    }
    stand.assert_nothing_arrived();
}

fn requests() -> [Request; 3] {
    [Request::get(JOBS).bearer(&WORLD.jobs.plaintext), Request::get(JOBS), Request::get(PUBLIC)]
}

#[track_caller]
fn assert_back(stand: &Stand) {
    stand.service.heal();
    let _ = stand.passes(&requests()[0]);
}

pub(crate) fn a_service_that_is_down_lets_nobody_in(stand: &Stand) {
    stand.service.cut();
    for request in requests() {
        assert_told(stand, &stand.send(&request));
        assert_told(stand, &stand.send_over_http2(&[request])[0]);
    }
    assert_back(stand);
}

pub(crate) fn a_service_that_is_slow_lets_nobody_in(stand: &Stand) {
    stand.service.swallow(true);
    let start = Instant::now();
    let mut connections = requests().map(|request| {
        let mut connection = stand.connect();
        connection.send(&request.bytes());
        connection
    });
    for connection in &mut connections {
        assert_told(stand, &connection.answer().expect("an answer"));
    }
    assert!(start.elapsed() < stand.gateway.patience, "{:?}", start.elapsed());
    assert_back(stand);
}
