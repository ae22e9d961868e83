//! Who may do what: the contract's table, row by row.

use std::time::Duration;

use capykeys_tests::{
    Created, Store, Tenant,
    clerk::{self, Session},
    clock, on_every_store, scopes,
};
use serde_json::{Value, json};

on_every_store![
    every_caller_may_do_what_its_row_says,
    nobody_does_anything_in_another_organization,
    nobody_does_anything_in_a_suspended_organization,
    a_key_may_revoke_itself_whatever_its_scopes,
    a_project_key_may_revoke_itself_alone,
    a_key_hands_on_only_scopes_that_it_holds,
    a_key_hands_on_no_longer_life_than_its_own,
    the_checks_come_in_their_order,
    an_administrator_grants_any_scope,
];

/// What a caller gets for listing, creating and revoking.
#[derive(Debug, PartialEq, Eq)]
struct Row(u16, u16, u16);

const NOTHING: Row = Row(403, 403, 403);

/// Tries the three operations in `acme`, each on something fresh.
#[track_caller]
fn row(acme: &Tenant<'_>, credential: &str, scope: &str) -> Row {
    let victim = acme.key_with(&["jobs:read"]);
    let count = acme.list().len();
    let list = acme.listing(credential).send().status;
    let create = acme.creation(credential, &json!({"name": "n", "scopes": [scope]})).send().status;
    let revoke = acme.revocation(credential, victim.id()).send().status;
    assert_eq!(acme.list().len(), count + usize::from(create == 201), "the status and the list differ");
    assert_eq!(acme.accepts(&victim.plaintext), revoke != 200, "the status and the key differ");
    Row(list, create, revoke)
}

fn every_caller_may_do_what_its_row_says(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let key = |scopes: &[&str]| acme.key_with(scopes).plaintext;
    let others = scopes::of_other_things();
    assert_eq!(row(&acme, &key(&["*"]), "jobs:read"), Row(200, 201, 200));
    assert_eq!(row(&acme, &key(&["api_keys:read"]), "api_keys:read"), Row(200, 403, 403));
    assert_eq!(row(&acme, &key(&["api_keys:write"]), "api_keys:write"), Row(403, 201, 200));
    assert_eq!(row(&acme, &key(&["api_keys:write", "api_keys:read"]), "api_keys:read"), Row(200, 201, 200));
    assert_eq!(row(&acme, &key(&others), "jobs:read"), NOTHING);
    let project = json!({"name": "p", "scopes": ["projects:read", "jobs:read"], "project_id": "p"});
    assert_eq!(row(&acme, &acme.create(&project).plaintext, "jobs:read"), NOTHING);

    assert_eq!(row(&acme, &Session::member(&at_clerk).sign(), "jobs:read"), Row(200, 403, 403));
    assert_eq!(row(&acme, &Session::admin(&at_clerk).sign(), "*"), Row(200, 201, 200));
    assert_eq!(row(&acme, &Session::admin(&at_clerk).impersonated().sign(), "*"), Row(200, 403, 403));
    assert_eq!(row(&acme, &Session::member(&at_clerk).impersonated().sign(), "*"), Row(200, 403, 403));
    assert_eq!(row(&acme, &Session::new().sign(), "jobs:read"), NOTHING);
    assert_eq!(row(&acme, &Session::admin(&at_clerk).pending().sign(), "*"), Row(401, 401, 401));
}

fn nobody_does_anything_in_another_organization(store: Store) {
    let (at_clerk, acme) = (clerk::organization_id(), store.tenant());
    let home = Tenant::with_clerk(store.server(), &at_clerk);
    let project = json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"});
    let callers = [
        home.admin.clone(),
        home.key_with(&["jobs:read"]).plaintext,
        home.create(&project).plaintext,
        Session::admin(&at_clerk).sign(),
        Session::member(&at_clerk).sign(),
        Session::admin(&at_clerk).impersonated().sign(),
    ];
    for caller in callers {
        assert_eq!(row(&acme, &caller, "jobs:read"), NOTHING);
        for id in ["org_01h455vb4pex5vsknk084sn02q", "malformed"] {
            let path = format!("/v1/organizations/{id}/api-keys");
            acme.server.get(&path).bearer(&caller).send().error(403);
        }
    }
}

fn nobody_does_anything_in_a_suspended_organization(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let project = json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"});
    let project_key = acme.create(&project);
    let commands = acme.server.installation();
    commands.json(&["organizations", "suspend", &acme.id]);
    let callers = [
        acme.admin.clone(),
        project_key.plaintext.clone(),
        Session::admin(&at_clerk).sign(),
        Session::member(&at_clerk).sign(),
    ];
    let body = json!({"name": "n", "scopes": ["jobs:read"]});
    for caller in &callers {
        acme.listing(caller).send().error(403);
        acme.creation(caller, &body).send().error(403);
        acme.revocation(caller, project_key.id()).send().error(403);
        acme.server
            .get("/v1/organizations/org_01h455vb4pex5vsknk084sn02q/api-keys")
            .bearer(caller)
            .send()
            .error(403);
    }
    commands.json(&["organizations", "resume", &acme.id]);
    assert_eq!(acme.list().len(), 2);
    assert!(acme.accepts(&project_key.plaintext));
}

fn a_key_may_revoke_itself_whatever_its_scopes(store: Store) {
    let acme = store.tenant();
    for scopes in [&["jobs:read"][..], &["api_keys:read"], &["api_keys:read", "organizations:write"]] {
        let (mine, sibling) = (acme.key_with(scopes), acme.key_with(scopes));
        for id in [sibling.id(), &acme.admin_id, "key_01h455vb4pex5vsknk084sn02q", "malformed"] {
            acme.revocation(&mine.plaintext, id).send().error(403);
        }
        assert_eq!(acme.revocation(&mine.plaintext, mine.id()).send().expect(200), json!({"revoked": true}));
        assert!(!acme.accepts(&mine.plaintext) && acme.accepts(&sibling.plaintext));
    }
}

fn a_project_key_may_revoke_itself_alone(store: Store) {
    let acme = store.tenant();
    let body = json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"});
    let (mine, sibling) = (acme.create(&body), acme.create(&body));
    for id in [sibling.id(), &acme.admin_id, "key_01h455vb4pex5vsknk084sn02q", "malformed"] {
        acme.revocation(&mine.plaintext, id).send().error(403);
    }
    assert!(acme.accepts(&mine.plaintext) && acme.accepts(&sibling.plaintext));
    assert_eq!(acme.revocation(&mine.plaintext, mine.id()).send().expect(200), json!({"revoked": true}));
    assert!(!acme.accepts(&mine.plaintext));
}

fn a_key_hands_on_only_scopes_that_it_holds(store: Store) {
    let acme = store.tenant();
    let writer = acme.key_with(&["jobs:read", "api_keys:write"]).plaintext;
    let create = |scopes: &[&str]| acme.creation(&writer, &json!({"name": "n", "scopes": scopes})).send();
    for held in [&["jobs:read"][..], &["api_keys:write"], &["api_keys:write", "jobs:read"]] {
        create(held).expect(201);
    }
    let before = acme.list();
    for beyond in [&["*"][..], &["api_keys:read"], &["jobs:read", "backups:read"], &["backups:write"]] {
        create(beyond).error(403);
    }
    // Every scope by name is not the star.
    let most = acme.key_with(scopes::named());
    acme.creation(&most.plaintext, &json!({"name": "n", "scopes": ["*"]})).send().error(403);
    assert_eq!(acme.list().len(), before.len() + 1);
}

fn a_key_hands_on_no_longer_life_than_its_own(store: Store) {
    let acme = store.tenant();
    let hours = |hours| clock::ahead(Duration::from_hours(hours));
    let parent = acme.create(&json!({"name": "p", "scopes": ["*"], "expires_at": hours(10)}));
    let create = |body: &Value| acme.creation(&parent.plaintext, body).send();

    let unsaid = Created::from_body(&create(&json!({"name": "n", "scopes": ["*"]})).expect(201));
    assert_eq!(unsaid.key["expires_at"], parent.key["expires_at"]);
    let shorter = create(&json!({"name": "n", "scopes": ["*"], "expires_at": hours(5)}));
    assert!(shorter.expect(201)["api_key"]["expires_at"].as_str() < parent.key["expires_at"].as_str());
    let same = json!({"name": "n", "scopes": ["*"], "expires_at": parent.key["expires_at"]});
    assert_eq!(create(&same).expect(201)["api_key"]["expires_at"], parent.key["expires_at"]);
    create(&json!({"name": "n", "scopes": ["*"], "expires_at": hours(11)})).error(403);
}

/// 401, 403 for the organization, 403 for the right, 400 for the body, 404 for the key.
fn the_checks_come_in_their_order(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let reader = acme.key_with(&["api_keys:read"]).plaintext;
    let nonsense = |acme: &Tenant<'_>, credential: &str| {
        acme.server.post(&acme.keys_path()).bearer(credential).json_text("{nonsense").send()
    };
    nonsense(&other, "wrong").error(401);
    let (for_organization, for_right) =
        (nonsense(&other, &reader).error(403), nonsense(&acme, &reader).error(403));
    assert_ne!(for_organization, for_right);
    nonsense(&acme, &acme.admin).error(400);
    acme.revocation("wrong", "nonsense").send().error(401);
    assert_eq!(other.revocation(&reader, "nonsense").send().error(403), for_organization);
    acme.revocation(&reader, "nonsense").send().error(403);
    acme.revocation(&acme.admin, "nonsense").send().error(404);
    // The body is good or not before anybody asks how far the new key reaches.
    let writer = acme.key_with(&["api_keys:write"]).plaintext;
    acme.creation(&writer, &json!({"name": "", "scopes": ["*"]})).send().error(400);
    let queries = format!("{}?limit=none", acme.keys_path());
    acme.server.get(&queries).bearer(&acme.key_with(&["jobs:read"]).plaintext).send().error(403);
}

fn an_administrator_grants_any_scope(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let admin = Session::admin(&at_clerk).sign();
    let body = json!({"name": "n", "scopes": ["*"]});
    let created = Created::from_body(&acme.creation(&admin, &body).send().expect(201));
    assert!(acme.accepts(&created.plaintext));
    for scopes in [json!(["*"]), json!(["api_keys:write"]), json!(["jobs:read", "organizations:read"])] {
        let body = json!({"name": "n", "scopes": scopes, "project_id": "p"});
        assert!(acme.creation(&admin, &body).send().error(400).contains("scopes"));
    }
}
