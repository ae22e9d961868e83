//! The service does not answer: nobody comes in, and everybody does again when it is back.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use capykeys_tests::{gateway::Outage, wait};

use crate::{
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

/// Fails where a request passes, or its client is not told in time. They run at the same time.
#[track_caller]
fn assert_nobody_comes_in(stand: &Stand) {
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
}

#[track_caller]
fn assert_back(stand: &Stand) {
    stand.service.heal();
    wait::until("the service is back", Duration::from_secs(20), || {
        (stand.send(&requests()[0]).status() == 200).then_some(())
    });
}

pub(crate) fn a_service_that_is_down_lets_nobody_in(stand: &Stand) {
    stand.service.refuse();
    wait::until("the service is down", Duration::from_secs(20), || {
        TcpStream::connect(stand.service.address()).is_err().then_some(())
    });
    assert_nobody_comes_in(stand);
    for answer in stand.send_over_http2(&requests()) {
        assert_told(stand, &answer);
    }
    assert_back(stand);
}

pub(crate) fn a_service_that_hangs_up_lets_nobody_in(stand: &Stand) {
    stand.service.cut();
    assert_nobody_comes_in(stand);
    assert_back(stand);
}

pub(crate) fn a_service_that_is_slow_lets_nobody_in(stand: &Stand) {
    stand.service.swallow(true);
    assert_nobody_comes_in(stand);
    assert_back(stand);
}
