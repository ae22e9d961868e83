//! `capykeys organizations`.

use capykeys_tests::{Installation, Store, clerk, clock, on_both_stores};
use serde_json::{Value, json};

on_both_stores![
    organizations_are_created_and_listed,
    one_organization_at_clerk_is_one_here,
    suspending_and_resuming_hold_on_the_running_server_at_once,
];

fn organizations_are_created_and_listed(store: Store) {
    let installation = Installation::new(store);
    assert_eq!(installation.json(&["organizations", "list"]), json!({"organizations": []}));
    let first = installation.json(&["organizations", "create", "--name", "Ünïcode & Söhne"]);
    let second = installation.json(&["organizations", "create", "--name", "B", "--slug", "bee"]);
    assert_eq!(first["name"], "Ünïcode & Söhne");
    assert_eq!(second["slug"], "bee");
    let mut fields: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["created_at", "id", "name", "slug", "updated_at"]);
    assert_eq!(installation.json(&["organizations", "list"]), json!({"organizations": [first, second]}));
}

fn one_organization_at_clerk_is_one_here(store: Store) {
    let installation = Installation::new(store);
    let at_clerk = clerk::organization_id();
    let create = |name| {
        installation.json(&["organizations", "create", "--name", name, "--clerk-organization-id", &at_clerk])
    };
    let first = create("A");
    assert_eq!(first["clerk_organization_id"], at_clerk.as_str());
    let second =
        installation.run(&["organizations", "create", "--name", "B", "--clerk-organization-id", &at_clerk]);
    if second.code == Some(0) {
        let second: Value = serde_json::from_str(&second.stdout).unwrap();
        assert_eq!(second["id"], first["id"]);
    }
    assert_eq!(installation.json(&["organizations", "list"])["organizations"].as_array().unwrap().len(), 1);
}

fn suspending_and_resuming_hold_on_the_running_server_at_once(store: Store) {
    let acme = store.tenant();
    let commands = acme.server.installation();
    for _ in 0..3 {
        let suspended = commands.json(&["organizations", "suspend", &acme.id, "--reason", "unpaid"]);
        clock::parse(suspended["suspended_at"].as_str().unwrap());
        assert_eq!(suspended["suspended_reason"], "unpaid");
        acme.listing(&acme.admin).send().error(403);
        let resumed = commands.json(&["organizations", "resume", &acme.id]);
        assert_eq!(resumed.get("suspended_at"), None);
        assert_eq!(resumed.get("suspended_reason"), None);
        acme.listing(&acme.admin).send().expect(200);
    }
}
