//! Random sequences of operations, on the store and on the model.

use capykeys_domain::{
    model::{
        ApiKey, AuditAction, AuditEvent, AuditOutcome, Creator, ExternalOrganizationId, KeyId, KeyName,
        Organization, OrganizationId, OrganizationName, ProjectId, Renaming, Sequence, Suspension,
        SuspensionReason, Timestamp,
    },
    ports::{
        AuditLog, EventQuery, FoundKey, Insertion, KeyChange, KeyChanged, KeyLookup, KeyQuery, KeyStore,
        KeyUse, NewKey, OrganizationInsertion, Organizations, Revocation, RevokeKey,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Handle;

use crate::{
    Store, fixtures,
    model::ModelStore,
    sequences::{self, By, Insert, KEYS, ORGANIZATIONS, Step, steps},
};

/// What an answer is, on either side.
#[derive(Debug, PartialEq)]
enum Answer {
    Creation(OrganizationInsertion),
    Organization(Option<Organization>),
    Insertion(Insertion),
    Revocation(Option<Revocation>),
    Changed(KeyChanged),
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
    clerk_ids: Vec<ExternalOrganizationId>,
    keys: Vec<NewKey>,
}

impl World {
    fn new() -> Self {
        let organizations: Vec<_> =
            (0..).take(ORGANIZATIONS).map(|micros| fixtures::organization(fixtures::at(micros))).collect();
        let at_clerk =
            |one: &Organization| ExternalOrganizationId::parse(&one.id.to_string()).expect("an id");
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

    fn creator(&self, by: &By) -> Creator {
        match by {
            By::Key(creator) => fixtures::by_key(self.keys[*creator].key.id),
            By::Session(clerk) => Creator::Session(self.clerk_ids[*clerk].clone()),
            By::Operator => Creator::Operator,
        }
    }

    fn changed(&self, key: &ApiKey, change: &sequences::Change) -> KeyChange {
        let mut after = key.clone();
        after.scopes = change.scopes.map_or(after.scopes, fixtures::scopes);
        after.expires_at = change.expires.map(fixtures::at);
        let at = fixtures::at(change.micros);
        after.disabled = fixtures::disabled(key, at).disabled.filter(|_| change.disable);
        let by = change.by.as_ref().map(|by| self.creator(by));
        let Some(rotation) = &change.rotation else {
            return KeyChange { by, ..fixtures::change(key, &after, at) };
        };
        let digest = &self.keys[rotation.digest].digest;
        let mut rotate = fixtures::rotate(&after, digest, at, fixtures::at(rotation.until));
        rotate.secret.iter_mut().for_each(|secret| secret.keeps_previous = rotation.keeps_previous);
        KeyChange { by, before: key.clone(), ..rotate }
    }

    fn new_key(&self, insert: &Insert) -> NewKey {
        let mut new = self.keys[insert.key].clone();
        new.digest = self.keys[insert.digest].digest.clone();
        new.creator = self.creator(&insert.creator);
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
            Answer::Creation(store.organizations().create_organization(new, event).await.unwrap())
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
            let rename = fixtures::rename(id, renaming, at);
            Answer::Organization(store.organizations().rename_organization(rename).await.unwrap())
        }
        Step::Insert(insert) => {
            let new = world.new_key(insert);
            Answer::Insertion(store.keys().insert_key(new.clone(), fixtures::created(&new)).await.unwrap())
        }
        Step::Revoke { organization, key, micros } => {
            let (organization, id, at) =
                (world.id(*organization), world.keys[*key].key.id, fixtures::at(*micros));
            let event = fixtures::event(AuditAction::RevokeKey, at, organization, Some(id));
            let revoke = RevokeKey { organization, id, at, event };
            Answer::Revocation(store.keys().revoke_key(revoke).await.unwrap())
        }
        Step::Change(change) => {
            let (organization, id) = (world.id(change.organization), world.keys[change.key].key.id);
            match store.keys().find_key(organization, id).await.unwrap() {
                None => Answer::Key(None),
                Some(key) => {
                    let change = world.changed(&key, change);
                    Answer::Changed(store.keys().change_key(change).await.unwrap())
                }
            }
        }
        Step::Use { uses } => record(store, world, uses).await,
        Step::Find { organization, key } => Answer::Key(
            store.keys().find_key(world.id(*organization), world.keys[*key].key.id).await.unwrap(),
        ),
        Step::List { organization, before, limit } => {
            let before: Option<KeyId> = before.map(|key| world.keys[key].key.id);
            let query = KeyQuery { before, limit: *limit, ..fixtures::all_keys(world.id(*organization)) };
            Answer::Keys(store.keys().list_keys(query).await.unwrap())
        }
        Step::Lookup { digests } => lookup(store, world, digests).await,
        Step::Deny { organization, micros } => {
            let done =
                fixtures::event(AuditAction::ListKeys, fixtures::at(*micros), world.id(*organization), None);
            store.audit().append_event(AuditEvent { outcome: AuditOutcome::Denied, ..done }).await.unwrap();
            Answer::Events(Vec::new())
        }
        Step::Events { organization, limit } => {
            let organization = world.id(*organization);
            let query = EventQuery { organization, after: Sequence::START, limit: *limit };
            let records = store.audit().list_events(query).await.unwrap();
            Answer::Events(records.into_iter().map(|one| one.event).collect())
        }
    }
}

async fn suspension(store: &impl Sides, id: OrganizationId, to: Option<Suspension>, at: Timestamp) -> Answer {
    let set = fixtures::set_suspension(id, to, at);
    Answer::Organization(store.organizations().set_suspension(set).await.unwrap())
}

async fn record(store: &impl Sides, world: &World, uses: &[(usize, i64, bool)]) -> Answer {
    let one = |&(key, micros, with_previous): &(usize, i64, bool)| KeyUse {
        key: world.keys[key].key.id,
        at: fixtures::at(micros),
        with_previous,
    };
    let uses: Vec<_> = uses.iter().map(one).collect();
    store.keys().record_uses(uses).await.map_or(Answer::Failed, |()| Answer::Recorded)
}

/// Of several keys under the digests any may be found, so only one digest's key is compared.
async fn lookup(store: &impl Sides, world: &World, digests: &[usize]) -> Answer {
    let asked: Vec<_> = digests.iter().take(1).map(|&digest| world.keys[digest].digest.clone()).collect();
    Answer::Found(store.lookup().find_key_by_digest(&asked).await.unwrap().map(Box::new))
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
