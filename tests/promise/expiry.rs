//! The end of a key is said once, however many servers look.

use std::time::Duration;

use capykeys_tests::{Installation, Server, Store, Tenant, clock, on_every_store, wait};
use serde_json::json;

use crate::interfaces::server;

on_every_store![
    the_end_of_a_key_is_said_once;
    replicas:
    the_end_of_a_key_is_said_once_by_all_servers_together,
];

const LIMIT: Duration = Duration::from_mins(1);
const KEYS: u32 = 20;

fn installation(installation: Installation) -> Installation {
    installation.set("KEYS__EXPIRY_NOTICES", "2s,1s")
}

fn the_end_of_a_key_is_said_once(store: Store) {
    holds(&[server(installation(Installation::new(store)))]);
}

fn the_end_of_a_key_is_said_once_by_all_servers_together(store: Store) {
    let first = installation(Installation::new(store));
    let others = [(); 2].map(|()| server(installation(first.beside())));
    let servers: Vec<_> = others.into_iter().chain([server(first)]).collect();
    holds(&servers);
}

fn holds(servers: &[Server]) {
    let acme = Tenant::new(&servers[0]);
    for _ in 0..KEYS {
        let ends = clock::ahead(Duration::from_secs(4));
        acme.create(&json!({"name": "ending", "scopes": ["jobs:read"], "expires_at": ends}));
    }
    let said = |notice: &str| {
        let series = format!("capykeys_expiry_notices_total{{notice=\"{notice}\"}}");
        servers.iter().filter_map(|server| server.metric(&series)).sum::<f64>()
    };
    let expired = wait::until("every end is said", LIMIT, || {
        let expired = said("expired");
        (expired >= f64::from(KEYS)).then_some(expired)
    });
    assert!(expired <= f64::from(KEYS), "{expired}");
    let soon = said("expires_soon");
    assert!(soon <= f64::from(2 * KEYS), "{soon}");
}
