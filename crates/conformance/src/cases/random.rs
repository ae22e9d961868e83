//! Random sequences of operations, on the store and on the model.

use std::num::NonZeroU32;

use capykeys_domain::{
    model::{
        ApiKey, AuditAction, AuditEvent, AuditOutcome, ClerkOrganizationId, Creator, KeyId, KeyName,
        Organization, OrganizationId, OrganizationName, ProjectId, Renaming, Scope, Suspension,
        SuspensionReason, Timestamp,
    },
    ports::{AuditLog, FoundKey, Insertion, KeyLookup, KeyStore, KeyUse, NewKey, Organizations, Revocation},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Handle;

use crate::{Store, fixtures, model::ModelStore};

/// One step; the numbers choose from the few things of a [`World`], so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    CreateOrganization { organization: usize, clerk: Option<usize> },
    Suspend { organization: usize, micros: i64 },
    Resume { organization: usize, micros: i64 },
    Rename { organization: usize, name: Option<String>, clerk_slug: Option<String>, micros: i64 },
    Insert(Insert),
    Revoke { organization: usize, key: usize, micros: i64 },
    Use { uses: Vec<(usize, i64)> },
    Find { organization: usize, key: usize },
    List { organization: usize, before: Option<usize>, limit: NonZeroU32 },
    Lookup { digests: Vec<usize> },
    Deny { organization: usize, micros: i64 },
    Events { organization: usize, limit: NonZeroU32 },
}

/// A key to be inserted.
#[derive(Clone, Debug)]
struct Insert {
    organization: usize,
    key: usize,
    digest: usize,
    name: String,
    scopes: &'static [Scope],
    project: bool,
    expires: Option<i64>,
    creator: By,
}

/// By whose right.
#[derive(Clone, Debug)]
enum By {
    Key(usize),
    Session(usize),
    Operator,
}

/// Of each what a creator may hold: all, enough to create, and not even that.
const SCOPES: [&[Scope]; 4] =
    [&[Scope::All], &[Scope::ApiKeysWrite], &[Scope::JobsRead, Scope::ApiKeysWrite], &[Scope::JobsRead]];

const ORGANIZATIONS: usize = 4;
const KEYS: usize = 8;
const DIGESTS: usize = 8;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let organization = || 0..ORGANIZATIONS;
    let limit = || (1..12_u32).prop_map(|limit| NonZeroU32::MIN.saturating_add(limit - 1));
    let micros = || 0..50_i64;
    let name = "\\PC{1,200}".prop_filter("a name", |name| KeyName::parse(name).is_ok());
    let insert = (
        organization(),
        0..KEYS,
        0..DIGESTS,
        name.clone(),
        proptest::sample::select(&SCOPES),
        proptest::bool::weighted(0.1),
        proptest::option::of(micros()),
        prop_oneof![
            4 => (0..KEYS).prop_map(By::Key),
            2 => (0..2_usize).prop_map(By::Session),
            4 => Just(By::Operator),
        ],
    );
    let step = prop_oneof![
        2 => (organization(), proptest::option::of(0..2_usize))
            .prop_map(|(organization, clerk)| Step::CreateOrganization { organization, clerk }),
        1 => (organization(), micros()).prop_map(|(organization, micros)| Step::Suspend { organization, micros }),
        1 => (organization(), micros()).prop_map(|(organization, micros)| Step::Resume { organization, micros }),
        1 => (organization(), proptest::option::of(name.clone()), proptest::option::of("[a-z]{1,2}"), micros())
            .prop_map(|(organization, name, clerk_slug, micros)| {
                Step::Rename { organization, name, clerk_slug, micros }
            }),
        6 => insert.prop_map(|(organization, key, digest, name, scopes, project, expires, creator)| {
            Step::Insert(Insert { organization, key, digest, name, scopes, project, expires, creator })
        }),
        3 => (organization(), 0..KEYS, micros())
            .prop_map(|(organization, key, micros)| Step::Revoke { organization, key, micros }),
        2 => proptest::collection::vec((0..KEYS, micros()), 0..6).prop_map(|uses| Step::Use { uses }),
        2 => (organization(), 0..KEYS).prop_map(|(organization, key)| Step::Find { organization, key }),
        3 => (organization(), proptest::option::of(0..KEYS), limit())
            .prop_map(|(organization, before, limit)| Step::List { organization, before, limit }),
        3 => proptest::collection::vec(0..DIGESTS, 0..3).prop_map(|digests| Step::Lookup { digests }),
        1 => (organization(), micros()).prop_map(|(organization, micros)| Step::Deny { organization, micros }),
        2 => (organization(), limit()).prop_map(|(organization, limit)| Step::Events { organization, limit }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What an answer is, on either side.
#[derive(Debug, PartialEq)]
enum Answer {
    Organization(Option<Organization>),
    Insertion(Insertion),
    Revocation(Option<Revocation>),
    Key(Option<ApiKey>),
    Keys(Vec<ApiKey>),
    Found(Option<Box<FoundKey>>),
    Events(Vec<AuditEvent>),
    Recorded,
    Failed,
}

/// The things that a sequence chooses from, new for each sequence so that all share one store.
struct World {
    organizations: Vec<Organization>,
    clerk_ids: Vec<ClerkOrganizationId>,
    keys: Vec<NewKey>,
}

impl World {
    fn new() -> Self {
        let organizations: Vec<_> =
            (0..).take(ORGANIZATIONS).map(|micros| fixtures::organization(fixtures::at(micros))).collect();
        let at_clerk = |one: &Organization| ClerkOrganizationId::parse(&one.id.to_string()).expect("an id");
        let clerk_ids = organizations.iter().take(2).map(at_clerk).collect();
        let keys =
            (0..).take(KEYS).map(|micros| fixtures::key(organizations[0].id, fixtures::at(micros / 2)));
        Self { keys: keys.collect(), clerk_ids, organizations }
    }

    fn organization(&self, index: usize, clerk: Option<usize>) -> Organization {
        let plain = self.organizations[index].clone();
        let Some(clerk) = clerk else { return plain };
        let linked = fixtures::organization_at_clerk(plain.created_at, self.clerk_ids[clerk].as_str());
        Organization { clerk: linked.clerk, ..plain }
    }

    fn id(&self, index: usize) -> OrganizationId {
        self.organizations[index].id
    }

    fn new_key(&self, insert: &Insert) -> NewKey {
        let mut new = self.keys[insert.key].clone();
        new.digest = self.keys[insert.digest].digest.clone();
        new.creator = match insert.creator {
            By::Key(creator) => Creator::Key(self.keys[creator].key.id),
            By::Session(clerk) => Creator::Session(self.clerk_ids[clerk].clone()),
            By::Operator => Creator::Operator,
        };
        new.key.scopes = fixtures::scopes(insert.scopes);
        new.key.project_id = ProjectId::parse("p1").ok().filter(|_| insert.project);
        new.key.organization_id = self.id(insert.organization);
        new.key.name = KeyName::parse(&insert.name).expect("the strategy gives names");
        new.key.expires_at = insert.expires.map(fixtures::at);
        new
    }
}

/// Does the step on `store`. Both sides go through this one function.
async fn answer<S>(store: &S, world: &World, step: &Step) -> Answer
where
    S: Sides,
{
    match step {
        Step::CreateOrganization { organization, clerk } => {
            let new = world.organization(*organization, *clerk);
            let event = fixtures::event(AuditAction::CreateOrganization, new.created_at, new.id, None);
            store
                .organizations()
                .create(&new, &event)
                .await
                .map_or(Answer::Failed, |one| Answer::Organization(Some(one)))
        }
        Step::Suspend { organization, micros } => {
            let at = fixtures::at(*micros);
            let reason = SuspensionReason::parse("unpaid").ok();
            suspension(store, world.id(*organization), Some(Suspension { at, reason }), at).await
        }
        Step::Resume { organization, micros } => {
            suspension(store, world.id(*organization), None, fixtures::at(*micros)).await
        }
        Step::Rename { organization, name, clerk_slug, micros } => {
            let (id, at) = (world.id(*organization), fixtures::at(*micros));
            let name = name.as_ref().and_then(|name| OrganizationName::parse(name).ok());
            let renaming = Renaming { name, slug: None, clerk_slug: clerk_slug.clone() };
            let event = fixtures::event(AuditAction::RenameOrganization, at, id, None);
            Answer::Organization(store.organizations().rename(id, &renaming, at, &event).await.unwrap())
        }
        Step::Insert(insert) => {
            let new = world.new_key(insert);
            Answer::Insertion(store.keys().insert(&new, &fixtures::created(&new)).await.unwrap())
        }
        Step::Revoke { organization, key, micros } => {
            let (organization, id, at) =
                (world.id(*organization), world.keys[*key].key.id, fixtures::at(*micros));
            let event = fixtures::event(AuditAction::RevokeKey, at, organization, Some(id));
            Answer::Revocation(store.keys().revoke(organization, id, at, &event).await.unwrap())
        }
        Step::Use { uses } => record(store, world, uses).await,
        Step::Find { organization, key } => {
            Answer::Key(store.keys().find(world.id(*organization), world.keys[*key].key.id).await.unwrap())
        }
        Step::List { organization, before, limit } => {
            let before: Option<KeyId> = before.map(|key| world.keys[key].key.id);
            Answer::Keys(store.keys().list(world.id(*organization), before, *limit).await.unwrap())
        }
        Step::Lookup { digests } => lookup(store, world, digests).await,
        Step::Deny { organization, micros } => {
            let done =
                fixtures::event(AuditAction::ListKeys, fixtures::at(*micros), world.id(*organization), None);
            store.audit().append(&AuditEvent { outcome: AuditOutcome::Denied, ..done }).await.unwrap();
            Answer::Events(Vec::new())
        }
        Step::Events { organization, limit } => {
            let records = store.audit().list(world.id(*organization), 0, *limit).await.unwrap();
            Answer::Events(records.into_iter().map(|one| one.event).collect())
        }
    }
}

async fn suspension(store: &impl Sides, id: OrganizationId, to: Option<Suspension>, at: Timestamp) -> Answer {
    let action =
        if to.is_some() { AuditAction::SuspendOrganization } else { AuditAction::ResumeOrganization };
    let event = fixtures::event(action, at, id, None);
    Answer::Organization(store.organizations().set_suspension(id, to.as_ref(), at, &event).await.unwrap())
}

async fn record(store: &impl Sides, world: &World, uses: &[(usize, i64)]) -> Answer {
    let times = uses.iter().map(|&(key, micros)| (world.keys[key].key.id, fixtures::at(micros)));
    let uses: Vec<_> = times.map(|(key, at)| KeyUse { key, at }).collect();
    store.keys().record_uses(&uses).await.map_or(Answer::Failed, |()| Answer::Recorded)
}

/// Of several keys under the digests any may be found, so only one digest's key is compared.
async fn lookup(store: &impl Sides, world: &World, digests: &[usize]) -> Answer {
    let asked: Vec<_> = digests.iter().take(1).map(|&digest| world.keys[digest].digest.clone()).collect();
    Answer::Found(store.lookup().find_by_digest(&asked).await.unwrap().map(Box::new))
}

/// The store under test and the model, seen alike.
trait Sides {
    fn keys(&self) -> &dyn KeyStore;
    fn lookup(&self) -> &dyn KeyLookup;
    fn organizations(&self) -> &dyn Organizations;
    fn audit(&self) -> &dyn AuditLog;
}

impl Sides for Store {
    fn keys(&self) -> &dyn KeyStore {
        self.keys.as_ref()
    }
    fn lookup(&self) -> &dyn KeyLookup {
        self.lookup.as_ref()
    }
    fn organizations(&self) -> &dyn Organizations {
        self.organizations.as_ref()
    }
    fn audit(&self) -> &dyn AuditLog {
        self.audit.as_ref()
    }
}

impl Sides for ModelStore {
    fn keys(&self) -> &dyn KeyStore {
        self
    }
    fn lookup(&self) -> &dyn KeyLookup {
        self
    }
    fn organizations(&self) -> &dyn Organizations {
        self
    }
    fn audit(&self) -> &dyn AuditLog {
        self
    }
}

/// Every answer of the store is the model's.
#[expect(clippy::unused_async, reason = "the suite awaits every case")]
pub async fn random_sequences_agree_with_the_model(store: &Store) {
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&steps(), |steps| {
        let (world, model) = (World::new(), ModelStore::default());
        for step in &steps {
            let answers = tokio::task::block_in_place(|| {
                Handle::current().block_on(async {
                    (answer(store, &world, step).await, answer(&model, &world, step).await)
                })
            });
            prop_assert_eq!(answers.0, answers.1, "at {:?}", step);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
