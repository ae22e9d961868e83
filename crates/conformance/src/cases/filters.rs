//! Listing those keys that are asked for.

use capykeys_domain::{
    model::{
        ApiKey, AuditAction, CreatedBy, Disabling, KeyFilter, KeyId, KeyName, KeySource, KeyState,
        OrganizationId, ProjectId, UserId,
    },
    ports::{Insertion, KeyChanged, KeyQuery, KeyStore, KeyUse, Limit, NewKey, Organizations},
};
use proptest::{
    option::{self, weighted},
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Handle;

use crate::{Store, fixtures, model::ModelStore};

/// What is asked for once: the page's size, and what the keys are like.
type Question = (u16, KeyFilter);

/// Times from 0 on. Each is met by others to the microsecond.
const TIMES: i64 = 12;
/// Of some the others are the beginning, and of some, what a pattern would take for it.
const NAMES: [&str; 12] =
    ["C", "CI", "CI ", "CI deploy", "ci", "CI%", "_I", "%", "\\", "é", "e\u{301}", "👩‍👩‍👧‍👦"];
/// Of some the others are a part.
const SCOPES: [&[&str]; 6] = [
    &["jobs:read"],
    &["jobs:read2", "*"],
    &["*", "schema:read", "jobs:read"],
    &["obs:read"],
    &["jobs:rea"],
    &["schema:read"],
];
const PROJECTS: [&str; 3] = ["p1", "p12", "P1"];
const USERS: [&str; 2] = ["user_1", "user_12"];

fn time() -> impl Strategy<Value = i64> {
    0..TIMES
}

fn name() -> impl Strategy<Value = KeyName> {
    select(&NAMES[..]).prop_map(|name| KeyName::from_stored(name).expect("a name"))
}

fn project() -> impl Strategy<Value = ProjectId> {
    select(&PROJECTS[..]).prop_map(|id| ProjectId::parse(id).expect("an id"))
}

fn user() -> impl Strategy<Value = UserId> {
    select(&USERS[..]).prop_map(|id| UserId::parse(id).expect("an id"))
}

/// A key in whichever state; its organization is another one.
fn key() -> impl Strategy<Value = NewKey> {
    let kept =
        (name(), select(&SCOPES[..]), select(KeySource::ALL), option::of(project()), option::of(user()));
    let times =
        (time(), option::of(time()), option::of(time()), weighted(0.3, time()), weighted(0.3, time()));
    (kept, times).prop_map(
        |((name, scopes, source, project_id, user), (created, ends, used, revoked, disabled))| {
            let mut new = fixtures::key(OrganizationId::new(fixtures::at(0), [0; 8]), fixtures::at(created));
            let key = &mut new.key;
            (key.name, key.scopes, key.source) = (name, fixtures::scopes(scopes), source);
            (key.project_id, key.created_by_user_id) = (project_id, user);
            key.created_by_key_id = key.project_id.as_ref().map(|_| maker());
            key.expires_at = ends.map(fixtures::at);
            key.last_used_at = used.map(fixtures::at);
            key.revoked_at = revoked.map(fixtures::at);
            key.disabled = disabled.and_then(|at| fixtures::disabled(key, fixtures::at(at)).disabled);
            new
        },
    )
}

/// A key that others were made with.
fn maker() -> KeyId {
    KeyId::new(fixtures::at(0), [7; 8])
}

fn filter() -> impl Strategy<Value = KeyFilter> {
    let scope = select(&["jobs:read", "*", "jobs:rea", "read"][..]).prop_map(fixtures::scope);
    let state = (select(&KeyState::ALL[..]), time()).prop_map(|(state, at)| (state, fixtures::at(at)));
    (
        weighted(0.5, state),
        weighted(0.2, project()),
        weighted(0.2, select(KeySource::ALL)),
        weighted(0.2, scope),
        weighted(0.2, prop_oneof![user().prop_map(CreatedBy::User), Just(CreatedBy::Key(maker()))]),
        weighted(0.2, time()),
        weighted(0.2, time()),
        weighted(0.2, name()),
    )
        .prop_map(|(state, project_id, source, scope, created_by, expires, unused, name)| KeyFilter {
            state,
            project_id,
            source,
            scope,
            created_by,
            expires_before: expires.map(fixtures::at),
            unused_since: unused.map(fixtures::at),
            name,
            ..KeyFilter::default()
        })
}

/// However the filters are mixed: page by page the same keys in the same order as the model's, and none of another
/// organization.
#[expect(clippy::unused_async, reason = "the suite awaits every case")]
pub async fn whatever_is_asked_for_the_pages_are_those_of_the_model(store: &Store) {
    let mut runner = TestRunner::new(Config { cases: 5, failure_persistence: None, ..Config::default() });
    let keys = proptest::collection::vec(key(), 30);
    let questions = proptest::collection::vec((1..8_u16, filter()), 60);
    let outcome = runner.run(&(keys, questions), |(keys, questions)| {
        tokio::task::block_in_place(|| Handle::current().block_on(compare(store, keys, &questions)))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn compare(store: &Store, keys: Vec<NewKey>, questions: &[Question]) -> Result<(), TestCaseError> {
    let (own, other, model) = (store.organization().await, store.organization().await, ModelStore::default());
    for organization in [&own, &other] {
        let created = AuditAction::CreateOrganization;
        let event = fixtures::event(created, organization.created_at, organization.id, None);
        let _ = model.create_organization(organization.clone(), event).await.unwrap();
    }
    for (place, mut new) in keys.into_iter().enumerate() {
        // Whose they are is not theirs to choose; ids and digests are new each time that a failure is looked into.
        let organization = if place % 4 == 0 { other.id } else { own.id };
        let unique = fixtures::key(organization, new.key.created_at);
        (new.key.id, new.key.organization_id, new.digest) = (unique.key.id, organization, unique.digest);
        make(store.keys.as_ref(), &new).await;
        make(&model, &new).await;
    }
    let known: Vec<_> = model.list_keys(fixtures::all_keys(own.id)).await.unwrap();
    let single = known.iter().enumerate().map(|(place, key)| {
        let named = known.iter().skip(place).step_by(3).map(|key| key.id);
        let unknown = KeyId::new(fixtures::at(0), [0xff; 8]);
        let ids = (place % 2 == 0).then(|| named.chain([unknown]).collect());
        (3, KeyFilter { ids, except: Some(key.id), unrevoked: place % 4 < 2, ..KeyFilter::default() })
    });
    let questions: Vec<Question> = questions.iter().cloned().chain(single).collect();
    for (limit, filter) in &questions {
        let all = KeyQuery { filter: filter.clone(), ..fixtures::all_keys(own.id) };
        let expected = model.list_keys(all.clone()).await.unwrap();
        prop_assert_eq!(&store.keys.list_keys(all.clone()).await.unwrap(), &expected, "{:?}", filter);
        let pages = pages(store, KeyQuery { limit: Limit::new(*limit).expect("a limit"), ..all }).await;
        prop_assert_eq!(pages, expected, "pages of {}: {:?}", limit, filter);
    }
    Ok(())
}

/// The key in the state that it is to be in, by way of those before it.
async fn make(store: &dyn KeyStore, new: &NewKey) {
    let key = &new.key;
    let mut plain = new.clone();
    (plain.key.last_used_at, plain.key.disabled, plain.key.revoked_at) = (None, None, None);
    let insertion = store.insert_key(plain.clone(), fixtures::created(&plain)).await.unwrap();
    assert_eq!(insertion, Insertion::Inserted);
    if let Some(at) = key.last_used_at {
        store.record_uses(vec![KeyUse { key: key.id, at, with_previous: false }]).await.unwrap();
    }
    if let Some(Disabling { at, .. }) = key.disabled {
        let disabled = ApiKey { disabled: key.disabled.clone(), ..plain.key.clone() };
        let changed = store.change_key(fixtures::change(&plain.key, &disabled, at)).await.unwrap();
        assert_eq!(changed, KeyChanged::Done);
    }
    if let Some(at) = key.revoked_at {
        let _ = store.revoke_key(fixtures::revoke(key, at)).await.unwrap().expect("it is there");
    }
}

async fn pages(store: &Store, mut query: KeyQuery) -> Vec<ApiKey> {
    let mut all: Vec<ApiKey> = Vec::new();
    loop {
        let page = store.keys.list_keys(query.clone()).await.unwrap();
        let is_last = page.len() < usize::from(query.limit.get());
        all.extend(page);
        query.before = all.last().map(|key| key.id);
        if is_last {
            return all;
        }
    }
}
