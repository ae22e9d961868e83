//! What the API's Terraform provider does with it, by a small client that behaves as the provider
//! does: it has no state but its own, lists keys to find one by its id, takes 404 and an inactive key for
//! "gone", never asks twice for a new key, and replaces a key of which anything differs.

use std::sync::Arc;

use capykeys_tests::{Call, Installation, Server, Store, Tenant, on_every_store};
use reqwest::Method;
use serde_json::{Value, json};

on_every_store![
    what_was_applied_needs_nothing_more,
    what_differs_is_replaced,
    a_key_that_is_gone_is_created_again,
    a_failure_never_makes_a_key_gone,
    destroying_twice_is_no_error,
    the_organization_is_found_without_being_named;
    unreachable: a_store_that_is_away_makes_no_key_gone,
];

/// The provider, as it was configured.
struct Provider<'a> {
    server: &'a Server,
    /// Behind the host, such as `/api/capydb`.
    base: &'a str,
    credential: String,
}

/// A key as somebody wants it.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    name: String,
    scopes: Vec<String>,
    project_id: Option<String>,
}

/// A key as it is remembered.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    id: String,
    organization_id: String,
    token: String,
    is: Wanted,
}

/// The status of an answer that is no success.
type Failure = u16;

impl Wanted {
    fn new(name: &str, scopes: &[&str], project_id: Option<&str>) -> Self {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        Self { name: name.to_owned(), scopes, project_id: project_id.map(ToOwned::to_owned) }
    }

    fn of(key: &Value) -> Self {
        let text = |name: &str| key[name].as_str().map(ToOwned::to_owned);
        let scopes = key["scopes"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
        Self { name: text("name").unwrap(), scopes: scopes.collect(), project_id: text("project_id") }
    }
}

impl<'a> Provider<'a> {
    fn of(acme: &Tenant<'a>) -> Self {
        Self { server: acme.server, base: "", credential: acme.admin.clone() }
    }

    fn call(&self, method: Method, path: &str) -> Call<'a> {
        let call = self.server.call(method, &format!("{}{path}", self.base));
        call.bearer(&self.credential).header("accept", "application/json")
    }

    /// Asked up to three times where the server fails.
    fn get(&self, path: &str) -> Result<Value, Failure> {
        let mut answer = self.call(Method::GET, path).send();
        for _ in 0..2 {
            if answer.status >= 500 {
                answer = self.call(Method::GET, path).send();
            }
        }
        if answer.status == 200 { Ok(answer.json()) } else { Err(answer.status) }
    }

    fn own_organization(&self) -> Result<String, Failure> {
        Ok(self.get("/v1/me")?["organization"]["id"].as_str().unwrap().to_owned())
    }

    fn create(&self, organization: &str, wanted: &Wanted) -> Result<Known, Failure> {
        let mut body = json!({"name": wanted.name, "scopes": wanted.scopes});
        if let Some(project_id) = &wanted.project_id {
            body["project_id"] = json!(project_id);
        }
        let path = format!("/v1/organizations/{organization}/api-keys");
        let answer = self.call(Method::POST, &path).json(&body).send();
        if answer.status != 201 {
            return Err(answer.status);
        }
        let (key, token) = (answer.json()["api_key"].clone(), answer.json()["plaintext_api_key"].clone());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        // What was planned is what is remembered: the framework refuses an answer that differs.
        assert_eq!(Wanted::of(&key), *wanted, "inconsistent result after apply");
        Ok(Known {
            id: text(&key["id"]),
            organization_id: text(&key["organization_id"]),
            token: text(&token),
            is: wanted.clone(),
        })
    }

    /// The key as it is now; none where it is gone.
    fn refresh(&self, known: &Known) -> Result<Option<Known>, Failure> {
        let path = format!("/v1/organizations/{}/api-keys", known.organization_id);
        let listed = match self.get(&path) {
            Err(404) => return Ok(None),
            listed => listed?,
        };
        let found = listed["api_keys"].as_array().unwrap().iter().find(|key| key["id"] == known.id.as_str());
        let found = found.filter(|key| key["is_active"] == true);
        Ok(found.map(|key| Known { is: Wanted::of(key), ..known.clone() }))
    }

    fn destroy(&self, known: &Known) -> Result<(), Failure> {
        let path = format!("/v1/organizations/{}/api-keys/{}", known.organization_id, known.id);
        match self.call(Method::DELETE, &path).send().status {
            200 | 404 => Ok(()),
            status => Err(status),
        }
    }

    /// Refreshes, compares and does what is needed; says whether anything was.
    fn apply(&self, state: &mut Option<Known>, wanted: &Wanted) -> Result<bool, Failure> {
        if let Some(known) = state.clone() {
            *state = self.refresh(&known)?;
        }
        if state.as_ref().is_some_and(|known| known.is == *wanted) {
            return Ok(false);
        }
        if let Some(known) = state.take() {
            self.destroy(&known)?;
        }
        *state = Some(self.create(&self.own_organization()?, wanted)?);
        Ok(true)
    }
}

fn what_was_applied_needs_nothing_more(store: Store) {
    let acme = store.tenant();
    let provider = Provider::of(&acme);
    for wanted in [
        Wanted::new("CI", &["projects:read", "backups:write"], None),
        Wanted::new("  Ünïcode \u{200d} 🔑 ", &["jobs:read", "backups:read", "projects:read"], Some("prj_1")),
        Wanted::new("\u{feff}e\u{301}", &["*"], None),
    ] {
        let mut state = None;
        assert_eq!(provider.apply(&mut state, &wanted), Ok(true));
        for _ in 0..3 {
            assert_eq!(provider.apply(&mut state, &wanted), Ok(false), "{wanted:?}");
        }
    }
    assert_eq!(acme.list().len(), 4);
}

fn what_differs_is_replaced(store: Store) {
    let acme = store.tenant();
    let provider = Provider::of(&acme);
    let mut state = None;
    for wanted in [
        Wanted::new("a", &["jobs:read", "backups:read"], None),
        Wanted::new("b", &["jobs:read", "backups:read"], None),
        Wanted::new("b", &["backups:read", "jobs:read"], None),
        Wanted::new("b", &["backups:read", "jobs:read"], Some("prj_1")),
    ] {
        let before = state.clone();
        assert_eq!(provider.apply(&mut state, &wanted), Ok(true));
        assert!(acme.accepts(&state.as_ref().unwrap().token));
        assert!(before.is_none_or(|before: Known| !acme.accepts(&before.token)));
    }
}

fn a_key_that_is_gone_is_created_again(store: Store) {
    let acme = store.tenant();
    let provider = Provider::of(&acme);
    let wanted = Wanted::new("CI", &["jobs:read"], None);
    let mut state = None;
    provider.apply(&mut state, &wanted).unwrap();
    let first = state.clone().unwrap();
    // By whoever held it.
    acme.revocation(&first.token, &first.id).send().expect(200);
    assert_eq!(provider.refresh(&first), Ok(None));
    assert_eq!(provider.apply(&mut state, &wanted), Ok(true));
    assert_ne!(state.unwrap().id, first.id);
}

/// Somebody else's credential, one that is no good, and a suspended organization are failures; the key
/// stays in the state, for it lives.
fn a_failure_never_makes_a_key_gone(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let wanted = Wanted::new("CI", &["jobs:read"], None);
    let mut state = None;
    Provider::of(&acme).apply(&mut state, &wanted).unwrap();
    let known = state.clone().unwrap();
    let with = |credential: &str| Provider { credential: credential.to_owned(), ..Provider::of(&acme) };
    let narrow = acme.key_with(&["jobs:read"]).plaintext;
    for (credential, status) in [(other.admin.as_str(), 403), ("nonsense", 401), (&narrow, 403)] {
        let provider = with(credential);
        assert_eq!(provider.refresh(&known), Err(status));
        assert_eq!(provider.destroy(&known), Err(status));
        assert_eq!(provider.apply(&mut state, &wanted), Err(status));
        assert_eq!(state.as_ref(), Some(&known), "it is forgotten");
    }
    acme.server.installation().json(&["organizations", "suspend", &acme.id]);
    assert_eq!(Provider::of(&acme).refresh(&known), Err(403));
    acme.server.installation().json(&["organizations", "resume", &acme.id]);
    assert!(acme.accepts(&known.token));
    assert_eq!(Provider::of(&acme).apply(&mut state, &wanted), Ok(false));
}

fn destroying_twice_is_no_error(store: Store) {
    let acme = store.tenant();
    let provider = Provider::of(&acme);
    let known = provider.create(&acme.id, &Wanted::new("CI", &["jobs:read"], None)).unwrap();
    assert_eq!(provider.destroy(&known), Ok(()));
    assert_eq!(provider.destroy(&known), Ok(()));
    let imagined = Known { id: "key_01h455vb4pex5vsknk084sn02q".to_owned(), ..known };
    assert_eq!(provider.destroy(&imagined), Ok(()));
    assert_eq!(provider.refresh(&imagined), Ok(None));
}

fn the_organization_is_found_without_being_named(store: Store) {
    let acme = store.tenant();
    let provider = Provider::of(&acme);
    let id = provider.own_organization().unwrap();
    assert_eq!(id, acme.id);
    let found = provider.get(&format!("/v1/organizations/{id}")).unwrap();
    assert_eq!(found["organization"], provider.get("/v1/me").unwrap()["organization"]);
}

/// The address that the public clients ask below.
#[test]
fn all_of_it_works_below_a_base_path() {
    let installation = Installation::new(Store::first()).set("SERVER__BASE_PATH", "/api/capydb");
    let server = Server::start(&Arc::new(installation));
    let acme = Tenant::new(&server);
    let provider = Provider { base: "/api/capydb", ..Provider::of(&acme) };
    let wanted = Wanted::new("CI", &["jobs:read"], None);
    let mut state = None;
    assert_eq!(provider.apply(&mut state, &wanted), Ok(true));
    assert_eq!(provider.apply(&mut state, &wanted), Ok(false));
    assert_eq!(provider.get("/status").unwrap()["status"], "operational");
    assert_eq!(provider.destroy(&state.unwrap()), Ok(()));
}

/// A store that is away is a failure as well, however often it is asked.
fn a_store_that_is_away_makes_no_key_gone(store: Store) {
    let acme = store.tenant();
    let known = Provider::of(&acme).create(&acme.id, &Wanted::new("CI", &["jobs:read"], None)).unwrap();
    let server = Server::start(&Arc::new(Installation::new(store).cut_off()));
    let provider = Provider { server: &server, ..Provider::of(&acme) };
    assert_eq!(provider.refresh(&known), Err(503));
    assert_eq!(provider.destroy(&known), Err(503));
}
