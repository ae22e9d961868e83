//! The embedded store, which one program after the other opens.

use std::{path::PathBuf, sync::Arc};

use capykeys_tests::{Created, Installation, Server, Store, Tables, Tenant};

use crate::stand::programs;

/// Opens one store with each of these in turn: all have what those before it have left.
fn pass_on(programs: &[&PathBuf]) {
    // The last release does not know today's name of this setting.
    let mut installation = Installation::new(Store::with(Tables::Sqlite(())))
        .unset("SERVER__DRAIN")
        .set("SERVER__DRAIN_MS", "0");
    let mut organization: Option<[String; 3]> = None;
    let (mut good, mut revoked): (Vec<Created>, Vec<Created>) = (Vec::new(), Vec::new());
    let mut disabled: Vec<Created> = Vec::new();
    for (number, program) in (1..).zip(programs) {
        let shared = Arc::new(installation.with_program(program));
        let server = Server::start(&shared);
        let acme = match organization.take() {
            Some([id, admin, admin_id]) => Tenant { server: &server, id, admin, admin_id },
            None => Tenant::new(&server),
        };
        good.push(acme.key_with(&["jobs:read"]));
        let key = acme.key_with(&["jobs:read"]);
        acme.revoke(key.id());
        revoked.push(key);
        let key = acme.key_with(&["jobs:read"]);
        // The last release cannot do it.
        if acme.disabling(&acme.admin, key.id()).send().status == 200 {
            disabled.push(key);
        }
        for key in &disabled {
            assert!(!acme.accepts(&key.plaintext), "{}: a disabled key is good", program.display());
        }
        for key in &good {
            assert!(acme.accepts(&key.plaintext), "{}: a key is gone", program.display());
        }
        for key in &revoked {
            assert!(!acme.accepts(&key.plaintext), "{}: a revoked key is back", program.display());
        }
        if let Some(key) = disabled.first()
            && number == programs.len()
        {
            acme.enabling(&acme.admin, key.id()).send().expect(200);
            assert!(acme.accepts(&key.plaintext), "{}: it is lost", program.display());
        }
        server.get("/readyz").send().expect(200);
        organization = Some([acme.id, acme.admin, acme.admin_id]);
        drop(server);
        installation = Arc::into_inner(shared).expect("nobody else has it");
    }
}

#[test]
#[ignore = "needs the last release's program: `make upgrades`"]
fn a_store_of_the_last_release_goes_to_todays_program_and_back() {
    let [old, new] = programs();
    pass_on(&[&old, &new, &old, &new]);
}

#[test]
#[ignore = "needs the last release's program: `make upgrades`"]
fn a_store_of_todays_program_goes_to_the_last_release_and_back() {
    let [old, new] = programs();
    pass_on(&[&new, &old, &new]);
}
