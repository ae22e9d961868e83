//! The parameters of the list that choose among the keys.

use std::{collections::BTreeMap, time::Duration};

use capykeys_tests::{
    Answer, Created, Store, Tenant,
    clerk::{self, Session},
    clock, on_every_store,
    tenant::keys_in,
    wait,
};
use serde_json::json;

on_every_store![
    every_filter_chooses_and_all_that_is_asked_for_holds,
    the_next_page_is_named_with_the_filters,
    a_cursor_of_one_filter_serves_another,
    what_cannot_be_asked_for_is_refused_by_name,
    a_filter_is_looked_at_after_the_right_to_list,
];

/// One key for each thing that can be asked for, by short names.
struct Scene {
    acme: Tenant<'static>,
    ids: BTreeMap<String, &'static str>,
    user: String,
    /// After all but the last key were created.
    late: String,
}

impl Scene {
    fn new(store: Store) -> Self {
        let at_clerk = clerk::organization_id();
        let acme = Tenant::with_clerk(store.server(), &at_clerk);
        let session = Session::admin(&at_clerk);
        let mut ids = BTreeMap::from([(acme.admin_id.clone(), "admin")]);
        let mut note = |name, created: &Created| ids.insert(created.id().to_owned(), name);
        let soon = clock::ahead(Duration::from_millis(300));
        note("ended", &acme.create(&json!({"name": "CI old", "scopes": ["jobs:read"], "expires_at": soon})));
        let hour = clock::ahead(Duration::from_hours(1));
        let project =
            json!({"name": "CI \"é\" & >", "scopes": ["jobs:read"], "project_id": "p1", "expires_at": hour});
        note("project", &acme.create(&project));
        let paused = acme.create(&json!({"name": "ci", "scopes": ["schema:read"]}));
        acme.disabling(&acme.admin, paused.id()).send().expect(200);
        note("paused", &paused);
        let gone = acme.create(&json!({"name": "gone", "scopes": ["jobs:read", "schema:read"]}));
        acme.revoke(gone.id());
        note("gone", &gone);
        let late = clock::ahead(Duration::ZERO);
        let by_user = acme.creation(&session.sign(), &json!({"name": "CI", "scopes": ["*"]})).send();
        note("user", &Created::from_body(&by_user.expect(201)));
        wait::until("the key expires", Duration::from_secs(10), || {
            acme.list().iter().any(|key| key["name"] == "CI old" && key["is_active"] == false).then_some(())
        });
        Self { acme, ids, user: session.user().to_owned(), late }
    }

    fn ask(&self, query: &str) -> Answer {
        self.acme.server.get(&format!("{}?{query}", self.acme.keys_path())).bearer(&self.acme.admin).send()
    }

    fn names(&self, answer: &Answer) -> Vec<&'static str> {
        keys_in(answer).iter().map(|key| self.ids[key["id"].as_str().unwrap()]).collect()
    }
}

fn every_filter_chooses_and_all_that_is_asked_for_holds(store: Store) {
    let scene = Scene::new(store);
    let all = ["user", "gone", "paused", "project", "ended", "admin"];
    let (user, late) = (&scene.user, &scene.late);
    let in_two_hours = clock::ahead(Duration::from_hours(2));
    for (query, expected) in [
        ("", &all[..]),
        ("status=active", &["user", "project", "admin"]),
        ("status=disabled", &["paused"]),
        ("status=expired", &["ended"]),
        ("status=revoked", &["gone"]),
        ("project_id=p1", &["project"]),
        ("project_id=p", &[]),
        ("source=dashboard", &["user"]),
        ("source=operator", &["admin"]),
        ("source=import", &[]),
        ("scope=jobs:read", &["gone", "project", "ended"]),
        ("scope=%2A", &["user", "admin"]),
        ("scope=never:there", &[]),
        (&format!("created_by={user}"), &["user"]),
        ("created_by=user_nobody", &[]),
        (&format!("expires_before={in_two_hours}"), &["project", "ended"]),
        ("expires_before=2020-01-01T00:00:00%2B02:00", &[]),
        // The first key is used all the time.
        (&format!("unused_since={late}&status=disabled"), &["paused"]),
        (&format!("unused_since={late}&created_by={user}"), &[]),
        (&format!("unused_since={in_two_hours}"), &all),
        ("name=CI", &["user", "project", "ended"]),
        ("name=ci", &["paused"]),
        ("name=CI+%22%C3%A9%22+%26+%3E", &["project"]),
        ("name=%25", &[]),
        // All that is asked for holds, in whichever order.
        ("name=CI&status=active", &["user", "project"]),
        ("status=active&name=CI&scope=jobs:read", &["project"]),
        ("scope=schema:read&status=revoked", &["gone"]),
        ("status=expired&project_id=p1", &[]),
        (&format!("status=active&expires_before={in_two_hours}"), &["project"]),
        (
            &format!(
                "status=active&project_id=p1&source=api&scope=jobs:read&expires_before={in_two_hours}\
                    &unused_since={late}&name=CI"
            ),
            &["project"],
        ),
        (
            &format!(
                "status=active&source=dashboard&scope=%2A&created_by={user}&unused_since={in_two_hours}&name=CI"
            ),
            &["user"],
        ),
        // Without a value it is left out, and what is not known is ignored.
        ("status=&project_id=&source=&scope=&created_by=&expires_before=&unused_since=&name=", &all),
        ("colour=red&Status=revoked&status", &all),
    ] {
        assert_eq!(scene.names(&scene.ask(query)), expected, "{query}");
    }
}

fn the_next_page_is_named_with_the_filters(store: Store) {
    let scene = Scene::new(store);
    let in_two_hours = clock::ahead(Duration::from_hours(2));
    for (query, expected) in [
        ("name=CI", &["user", "project", "ended"][..]),
        ("status=active", &["user", "project", "admin"]),
        ("colour=red&scope=jobs:read&status=", &["gone", "project", "ended"]),
        (&format!("name=CI+&expires_before={in_two_hours}"), &["project", "ended"]),
    ] {
        let (mut found, mut next) = (Vec::new(), Some(format!("limit=1&{query}")));
        while let Some(query) = next {
            let answer = scene.ask(&query);
            found.push(scene.names(&answer));
            next = answer.header("link").map(|link| {
                let query = link.strip_prefix("<?").and_then(|link| link.strip_suffix(">; rel=\"next\""));
                query.expect("a query and that it is the next page").to_owned()
            });
            assert!(next.as_ref().is_none_or(|next| !next.contains("colour")), "{next:?}");
        }
        assert!(found.iter().all(|page| page.len() == 1), "{found:?}");
        assert_eq!(found.concat(), expected, "{query}");
    }
    // What was asked for without filters is named as ever.
    let link = scene.ask("limit=1").header("link").unwrap().to_owned();
    let newest = scene.ids.iter().find(|(_, name)| **name == "user").unwrap().0;
    assert_eq!(link, format!("<?limit=1&cursor={newest}>; rel=\"next\""));
}

/// It is a place in the whole list: behind it comes what is asked for now, and nothing is left out.
fn a_cursor_of_one_filter_serves_another(store: Store) {
    let scene = Scene::new(store);
    let of = |name| scene.ids.iter().find(|(_, own)| **own == name).unwrap().0;
    let behind = |name, query: &str| scene.names(&scene.ask(&format!("cursor={}&{query}", of(name))));
    assert_eq!(behind("paused", ""), ["project", "ended", "admin"]);
    assert_eq!(behind("paused", "status=active"), ["project", "admin"]);
    assert_eq!(behind("project", "project_id=p1"), [] as [&str; 0]);
    assert_eq!(behind("gone", "status=expired&limit=1"), ["ended"]);
}

fn what_cannot_be_asked_for_is_refused_by_name(store: Store) {
    let scene = Scene::new(store);
    let long = "n".repeat(201);
    for query in [
        "status=inactive",
        "status=active,revoked",
        "project_id=a%20b",
        "source=robot",
        "scope=Jobs",
        "created_by=someone",
        "expires_before=tomorrow",
        "expires_before=2027-01-31T12:00:00+02:00",
        "unused_since=90",
        "name=a%00",
        &format!("name={long}"),
        "status=active&status=active",
        "name=&name=",
    ] {
        let sentence = scene.ask(query).error(400);
        let name = query.split('=').next().unwrap();
        assert!(sentence.starts_with(&format!("`{name}` must ")), "{query:.40}: {sentence}");
    }
}

fn a_filter_is_looked_at_after_the_right_to_list(store: Store) {
    let scene = Scene::new(store);
    let acme = &scene.acme;
    let project = acme.create(&json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p1"}));
    for query in ["status=none", "project_id=p1", ""] {
        let ask = |credential: &str| {
            acme.server.get(&format!("{}?{query}", acme.keys_path())).bearer(credential).send()
        };
        ask(&project.plaintext).error(403);
        ask("capy_live_none").error(401);
    }
}
