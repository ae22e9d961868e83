//! `capykeys organizations`.

use capykeys_tests::{Installation, Store, Tenant, clerk, clock, on_every_store};
use serde_json::{Value, json};

on_every_store![
    organizations_are_created_and_listed,
    one_organization_at_clerk_is_one_here,
    a_new_name_is_seen_on_the_running_server,
    a_slug_that_a_session_tells_is_stored,
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

fn a_new_name_is_seen_on_the_running_server(store: Store) {
    let acme = store.tenant();
    let commands = acme.server.installation();
    let shown = || {
        let get = |path: &str| acme.server.get(path).bearer(&acme.admin).send().expect(200);
        let organization = get(&format!("/v1/organizations/{}", acme.id))["organization"].clone();
        assert_eq!(get("/v1/me")["organization"], organization);
        organization
    };
    let before = shown();
    let renamed = commands.json(&["organizations", "rename", &acme.id, "--name", "Äcme & Co"]);
    assert_eq!((&renamed["name"], &renamed["slug"]), (&json!("Äcme & Co"), &before["slug"]));
    assert!(renamed["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(shown(), renamed);
    let renamed = commands.json(&["organizations", "rename", &acme.id, "--slug", "aecme"]);
    assert_eq!((&renamed["name"], &renamed["slug"]), (&json!("Äcme & Co"), &json!("aecme")));
    assert_eq!(shown(), renamed);
    // What it is called already changes nothing.
    assert_eq!(commands.json(&["organizations", "rename", &acme.id, "--slug", "aecme"]), renamed);

    for arguments in [&[][..], &["--name", ""], &["--name", "\u{200b}"], &["--slug", "Ä"]] {
        let output = commands.run(&[&["organizations", "rename", &acme.id], arguments].concat());
        assert_eq!(output.code, Some(2), "{arguments:?}: {}", output.stderr);
    }
    let nobody = "org_01h455vb4pex5vsknk084sn02q";
    let output = commands.run(&["organizations", "rename", nobody, "--name", "n"]);
    assert!(output.expect_failure().contains(nobody));
}

/// What happens when it is another one later takes minutes, and is tried in the domain's tests.
fn a_slug_that_a_session_tells_is_stored(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let token = clerk::Session::new().claim("o", json!({"id": at_clerk, "rol": "member", "slg": "told"}));
    for _ in 0..2 {
        let me = acme.server.get("/v1/me").bearer(&token.sign()).send().expect(200);
        assert_eq!(me["organization"]["clerk_organization_slug"], "told");
    }
    let with_key = acme.server.get("/v1/me").bearer(&acme.admin).send().expect(200);
    assert_eq!(with_key["organization"]["clerk_organization_slug"], "told");
    assert_eq!(with_key["principal"]["clerk_organization_slug"], "told");
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
