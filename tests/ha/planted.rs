//! Mistakes that are made on purpose, and seen by the judge: two servers on a PostgreSQL that never fails.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{
    Created, Installation, Server, Tenant, driver::locked, on_one_store, postgres::database_url,
    secrets::unknown_key, verification::parse, wait,
};
use serde_json::json;

use crate::{
    client::Account,
    fault::Fault,
    judge::Seen,
    ledger::Ledger,
    round::{Record, Times},
    work::{Front, Work},
};

on_one_store![
    postgresql:
    nothing_is_seen_where_nothing_is_wrong,
    a_server_that_remembers_what_was_revoked_is_seen,
    a_server_that_refuses_what_is_good_is_seen,
    a_revocation_that_is_lost_is_seen,
    a_key_that_is_lost_is_seen,
];

const LIMIT: Duration = Duration::from_mins(1);
/// So many keys each client revokes before a mistake is made.
const REVOKED: usize = 4;
/// For how long the server that remembers does.
const REMEMBERED: Duration = Duration::from_secs(5);

/// What two servers and two clients come to, where the second server's verdicts are those of `second`, and the
/// ledger is changed once.
fn seen(second: impl FnOnce(SocketAddr) -> SocketAddr, change: impl FnOnce(&mut Ledger)) -> Seen {
    let first = Installation::on_postgres(&database_url()).set("LOG__LEVEL", "info,capykeys::access=warn");
    let other = first.beside().set("LOG__LEVEL", "info,capykeys::access=warn");
    let servers = [first, other].map(|installation| Server::start(&Arc::new(installation)));
    let accounts = servers.each_ref().map(|server| {
        let tenant = Tenant::new(server);
        Account { path: tenant.keys_path(), admin: tenant.admin }
    });
    let mut fronts = servers.each_ref().map(Front::of);
    fronts[1].verifier = second(fronts[1].verifier);
    let work = Work::start(&fronts, &accounts);
    wait::until("keys are revoked", LIMIT, || (work.revoked(&[0, 1]) >= REVOKED).then_some(()));
    change(&mut locked(&work.ledger));
    let before = work.revoked(&[0, 1]);
    // By then all that is asked all the time has been asked again.
    let goes_on = || (work.revoked(&[0, 1]) >= before + REVOKED).then_some(());
    wait::until("more keys are revoked", LIMIT, goes_on);
    let done = work.end();
    Seen::of(&done, &accounts, &servers[0])
}

fn as_it_is(verifier: SocketAddr) -> SocketAddr {
    verifier
}

fn nothing_is_seen_where_nothing_is_wrong() {
    let seen = seen(as_it_is, |_| {});
    assert!(!seen.is_wrong() && seen.asked_after_delete > 0, "{seen:?}");
}

/// As one would whose lease is long, and whom nobody waits for.
fn a_server_that_remembers_what_was_revoked_is_seen() {
    let remembering = |verifier| {
        let memory: Memory = Arc::default();
        tampering(move |question| remembered(verifier, &memory, question))
    };
    let seen = seen(remembering, |_| {});
    assert!(seen.accepted_after_delete > 0 && seen.refused + seen.lost == 0, "{seen:?}");
}

fn a_server_that_refuses_what_is_good_is_seen() {
    let body = json!({"valid": false, "code": "not_found", "max_age_ms": 0}).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let seen = seen(|_| tampering(move |_| answer.clone()), |_| {});
    assert!(seen.refused > 0 && seen.accepted_after_delete + seen.lost == 0, "{seen:?}");
}

/// A client was told that it is revoked, and the store knows nothing of it.
fn a_revocation_that_is_lost_is_seen() {
    let seen = seen(as_it_is, |ledger| {
        let key = ledger.keys.iter().rposition(|key| key.asked.is_none()).expect("a key that is left");
        ledger.revoking(key);
        ledger.revoked(key);
    });
    assert!(seen.lost == 1 && seen.accepted_after_delete > 0 && seen.refused == 0, "{seen:?}");
}

/// A client was told that it is created, and the store knows nothing of it.
fn a_key_that_is_lost_is_seen() {
    let seen = seen(as_it_is, |ledger| {
        // Twice, since of one of two nobody hears before it is revoked.
        for id in ["key_lost", "key_lost_too"] {
            ledger.created(0, &created(unknown_key(), id));
        }
    });
    assert!(seen.lost == 2 && seen.refused > 0 && seen.accepted_after_delete == 0, "{seen:?}");
}

#[test]
fn what_comes_back_too_late_or_never_is_not_in_time() {
    for fault in Fault::ALL {
        let bounds = fault.bounds();
        let record = |verdicts, writes, mended| Record {
            fault,
            seen: Seen::default(),
            times: Times { verdicts, writes, mended },
            revocations: 0,
            creations: 0,
            primaries: [None; 2],
        };
        let (verdicts, writes, mended) = (bounds.verdicts, bounds.writes, Some(bounds.mended));
        let late = |time: Option<Duration>| time.map(|time| time + Duration::from_millis(1));
        assert!(record(verdicts, writes, mended).is_in_time(), "{fault:?}");
        assert!(!record(verdicts, writes, late(mended)).is_in_time(), "{fault:?}");
        assert!(!record(verdicts, writes, None).is_in_time(), "{fault:?}");
        if verdicts.is_some() {
            assert!(!record(late(verdicts), writes, mended).is_in_time(), "{fault:?}");
            assert!(!record(verdicts, late(writes), mended).is_in_time(), "{fault:?}");
            assert!(!record(None, writes, mended).is_in_time(), "{fault:?}");
        }
    }
}

fn created(plaintext: &str, id: &str) -> Created {
    Created { key: json!({ "id": id }), plaintext: plaintext.to_owned() }
}

type Memory = Arc<Mutex<HashMap<Vec<u8>, (Instant, Vec<u8>)>>>;

fn remembered(verifier: SocketAddr, memory: &Memory, question: &[u8]) -> Vec<u8> {
    if let Some((since, answer)) = locked(memory).get(question)
        && since.elapsed() < REMEMBERED
    {
        return answer.clone();
    }
    let mut server = TcpStream::connect(verifier).expect("the server");
    server.write_all(question).expect("ask");
    let answer = message(&mut server, |bytes| parse(bytes).expect("HTTP").is_some()).expect("an answer");
    locked(memory).insert(question.to_vec(), (Instant::now(), answer.clone()));
    answer
}

/// Where somebody listens who answers questions like this.
fn tampering(answer: impl Fn(&[u8]) -> Vec<u8> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                // Questions end with their body, which is an object.
                while let Some(question) = message(&mut stream, |bytes| bytes.ends_with(b"}")) {
                    if stream.write_all(&answer(&question)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// What is received until it is whole.
fn message(stream: &mut TcpStream, is_whole: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&received) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(length) => received.extend_from_slice(&buffer[..length]),
        }
    }
    Some(received)
}
