//! Whoever rotates a key has a good secret for it, whenever the service is killed: between the commit and the answer too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_tests::{Call, Created, Installation, Server, Store, Tenant, on_every_store, settings, wait};
use serde_json::{Value, json};

on_every_store![a_rotation_that_is_cut_off_leaves_a_good_secret_and_can_be_done_again];

const CLIENTS: usize = 4;
const LIMIT: Duration = Duration::from_secs(30);

/// What a client that rotates a key has of it.
struct Client {
    id: String,
    /// It has this one, which was not ended.
    held: String,
    /// It was told this one, and has not been told that the held one is ended.
    newest: Option<String>,
    /// Those of which it was told that they are.
    ended: Vec<String>,
}

impl Client {
    /// Rotates the key and finishes it, over and over, until there is no answer.
    fn go_on(&mut self, acme: &Tenant<'_>, done: &AtomicUsize) {
        let body = json!({"discard_newest": true});
        while let Some(rotated) = answer(&acme.rotation(&acme.admin, &self.id).json(&body)) {
            self.newest = Some(Created::from_body(&rotated).plaintext);
            done.fetch_add(1, Ordering::SeqCst);
            if answer(&acme.finishing(&acme.admin, &self.id)).is_none() {
                return;
            }
            self.finished();
        }
    }

    fn finished(&mut self) {
        let newest = self.newest.take().unwrap();
        self.ended.push(std::mem::replace(&mut self.held, newest));
    }

    fn check(&mut self, acme: &Tenant<'_>) {
        let good = self.newest.as_ref().unwrap_or(&self.held);
        assert!(accepts(acme, good), "{}: the client has no good secret", self.id);
        for ended in self.ended.iter().rev().take(3) {
            assert!(!accepts(acme, ended), "{}: an ended secret is good again", self.id);
        }
        // What was not answered is asked again, whatever became of it.
        if self.newest.is_some() {
            answer(&acme.finishing(&acme.admin, &self.id)).unwrap();
            self.finished();
        }
    }
}

/// Whether the secret is good, once the server can say so.
fn accepts(acme: &Tenant<'_>, secret: &str) -> bool {
    wait::until("the server knows", LIMIT, || {
        let status = acme.server.get("/v1/me").bearer(secret).send().status;
        (status != 503).then_some(status == 200)
    })
}

/// The body of a good answer; nothing where the connection broke.
fn answer(call: &Call<'_>) -> Option<Value> {
    loop {
        let answer = call.clone().try_send().ok()?;
        match answer.status {
            200 => return Some(answer.json()),
            // It may have been done or not; a rotation that was is done again in the same way.
            503 => {}
            _ => panic!("{answer:?}"),
        }
    }
}

fn a_rotation_that_is_cut_off_leaves_a_good_secret_and_can_be_done_again(store: Store) {
    let installation = &Arc::new(Installation::new(store).set("LOG__LEVEL", "info"));
    let mut server = Server::start(installation);
    let first = Tenant::new(&server);
    let (id, admin, admin_id) = (first.id.clone(), first.admin.clone(), first.admin_id.clone());
    let client = |_| {
        let key = first.key_with(&["jobs:read"]);
        Client { id: key.id().to_owned(), held: key.plaintext, newest: None, ended: Vec::new() }
    };
    let mut clients: Vec<_> = (0..CLIENTS).map(client).collect();
    for round in 0..settings::kill_rounds() {
        let of = |server| Tenant { server, id: id.clone(), admin: admin.clone(), admin_id: admin_id.clone() };
        let (acme, done) = (of(&server), AtomicUsize::new(0));
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| client.go_on(&acme, &done));
            }
            wait::until("keys are rotated", LIMIT, || {
                (done.load(Ordering::SeqCst) >= CLIENTS + round % 7).then_some(())
            });
            server.kill();
        });
        let next = Server::start(installation);
        for client in &mut clients {
            client.check(&of(&next));
        }
        server = next;
    }
}
