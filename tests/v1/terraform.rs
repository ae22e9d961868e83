//! What Terraform makes of a key's life: a provider that reads, plans and applies as those of the API's public
//! clients do.

use std::time::Duration;

use capykeys_tests::{Created, Store, Tenant, clock, on_every_store, wait};
use serde_json::{Value, json};

on_every_store![
    a_plan_stays_empty_whatever_a_key_goes_through_that_it_survives,
    a_key_that_is_called_otherwise_or_may_do_something_else_is_replaced,
    a_key_whose_end_has_passed_is_replaced,
    a_key_that_is_revoked_is_replaced,
];

const LIMIT: Duration = Duration::from_mins(1);

/// What the configuration says of a key.
#[derive(Clone, Debug)]
struct Resource {
    name: &'static str,
    scopes: &'static [&'static str],
}

const CI: Resource = Resource { name: " CI é ", scopes: &["schema:read", "jobs:read"] };

/// What Terraform has in mind.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    Create,
    /// Since this differs.
    Replace(&'static str),
}

/// A resource and what is in the state of it. The secret is there from the creation, and nowhere else afterwards.
struct Provider<'a> {
    acme: &'a Tenant<'a>,
    resource: Resource,
    state: Option<Created>,
}

impl<'a> Provider<'a> {
    /// With the key of this resource, which was made.
    fn applied(acme: &'a Tenant<'a>, resource: Resource) -> Self {
        let mut provider = Self { acme, resource, state: None };
        assert_eq!(provider.plan(), Plan::Create);
        provider.apply();
        assert_eq!(provider.plan(), Plan::Nothing);
        provider
    }

    fn id(&self) -> &str {
        self.state.as_ref().expect("a key in the state").id()
    }

    /// Finds the key in the list. One that is not there, or not active, is forgotten.
    fn refresh(&mut self) {
        let Some(state) = &mut self.state else { return };
        let listed = self.acme.list();
        match listed.iter().find(|key| key["id"] == state.key["id"]) {
            Some(key) if key["is_active"] == true => state.key = key.clone(),
            _ => self.state = None,
        }
    }

    /// `terraform plan`: refreshes, and compares what the configuration says with what is.
    fn plan(&mut self) -> Plan {
        self.refresh();
        let Some(Created { key, .. }) = &self.state else { return Plan::Create };
        let wanted = [("name", json!(self.resource.name)), ("scopes", json!(self.resource.scopes))];
        let other = wanted.iter().find(|(member, value)| key[member] != *value);
        other.map_or(Plan::Nothing, |(member, _)| Plan::Replace(member))
    }

    /// `terraform apply`: what is to be replaced is destroyed first.
    fn apply(&mut self) {
        let plan = self.plan();
        if matches!(plan, Plan::Replace(_)) {
            let answer = self.acme.revocation(&self.acme.admin, self.id()).send();
            assert!([200, 404].contains(&answer.status), "{answer:?}");
        }
        if plan != Plan::Nothing {
            let Resource { name, scopes } = self.resource;
            self.state = Some(self.acme.create(&json!({"name": name, "scopes": scopes})));
        }
    }

    /// Applies, and sees that it makes one other key, which is good.
    fn replaces(&mut self, planned: &Plan) {
        assert_eq!(self.plan(), *planned);
        let (before, count) = (self.state.as_ref().map(|key| key.id().to_owned()), self.acme.list().len());
        self.apply();
        assert_eq!(self.plan(), Plan::Nothing);
        let Created { key, plaintext } = self.state.as_ref().expect("a key in the state");
        assert_ne!(key["id"].as_str(), before.as_deref());
        assert!(self.acme.accepts(plaintext));
        assert_eq!(self.acme.list().len(), count + 1);
    }
}

/// Something that happens to a key beside Terraform.
type Step = fn(&Tenant<'_>, id: &str);

fn disable(acme: &Tenant<'_>, id: &str) {
    acme.disabling(&acme.admin, id).json(&json!({"reason": "found"})).send().expect(200);
}

fn enable(acme: &Tenant<'_>, id: &str) {
    acme.enabling(&acme.admin, id).send().expect(200);
}

fn update(acme: &Tenant<'_>, id: &str, body: &Value) {
    acme.update(&acme.admin, id, body).send().expect(200);
}

fn ends_in(acme: &Tenant<'_>, id: &str, hours: u64) {
    update(acme, id, &json!({"expires_at": clock::ahead(Duration::from_hours(hours))}));
}

fn rotate(acme: &Tenant<'_>, id: &str, grace_seconds: u64) {
    acme.rotation(&acme.admin, id).json(&json!({"grace_seconds": grace_seconds})).send().expect(200);
}

/// A key goes through all of it in this order, twice.
const SURVIVED: &[(&str, Step)] = &[
    ("disabled", disable),
    ("disabled again", disable),
    ("given an end while it is disabled", |acme, id| ends_in(acme, id, 9)),
    ("enabled", enable),
    ("given a later end", |acme, id| ends_in(acme, id, 99)),
    ("given an earlier end", |acme, id| ends_in(acme, id, 1)),
    ("without an end", |acme, id| update(acme, id, &json!({"expires_at": null}))),
    ("on a device", |acme, id| update(acme, id, &json!({"device_name": "laptop"}))),
    ("rotated", |acme, id| rotate(acme, id, 99)),
    ("of one secret again", |acme, id| {
        acme.finishing(&acme.admin, id).send().expect(200);
    }),
    ("rotated at once", |acme, id| rotate(acme, id, 0)),
    ("changed by nothing", |acme, id| update(acme, id, &json!({}))),
];

fn a_plan_stays_empty_whatever_a_key_goes_through_that_it_survives(store: Store) {
    let acme = store.tenant();
    let mut terraform = Provider::applied(&acme, CI);
    let (id, count) = (terraform.id().to_owned(), acme.list().len());
    for (what, step) in SURVIVED.iter().chain(SURVIVED) {
        step(&acme, &id);
        assert_eq!(terraform.plan(), Plan::Nothing, "{what}");
        terraform.apply();
        assert_eq!((terraform.id(), acme.list().len()), (id.as_str(), count), "{what}");
    }
}

fn a_key_that_is_called_otherwise_or_may_do_something_else_is_replaced(store: Store) {
    let acme = store.tenant();
    let mut terraform = Provider::applied(&acme, CI);
    for (body, member) in [
        (json!({"name": "CI"}), "name"),
        (json!({"scopes": ["jobs:read", "schema:read"]}), "scopes"),
        (json!({"scopes": ["jobs:read"]}), "scopes"),
    ] {
        update(&acme, terraform.id(), &body);
        terraform.replaces(&Plan::Replace(member));
    }
    // What the configuration says is changed: by PATCH nothing is left to do.
    terraform.resource.name = "renamed";
    assert_eq!(terraform.plan(), Plan::Replace("name"));
    update(&acme, terraform.id(), &json!({"name": "renamed"}));
    assert_eq!(terraform.plan(), Plan::Nothing);
}

fn a_key_whose_end_has_passed_is_replaced(store: Store) {
    let acme = store.tenant();
    for is_disabled in [false, true] {
        let mut terraform = Provider::applied(&acme, CI);
        if is_disabled {
            disable(&acme, terraform.id());
        }
        let soon = clock::ahead(Duration::from_secs(2));
        update(&acme, terraform.id(), &json!({"expires_at": soon}));
        wait::until("its end has passed", LIMIT, || (terraform.plan() != Plan::Nothing).then_some(()));
        terraform.replaces(&Plan::Create);
    }
}

fn a_key_that_is_revoked_is_replaced(store: Store) {
    let acme = store.tenant();
    let mut terraform = Provider::applied(&acme, CI);
    acme.revoke(terraform.id());
    terraform.replaces(&Plan::Create);
}
