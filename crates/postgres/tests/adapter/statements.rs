//! One operation, one statement.

use std::time::Duration;

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Renaming, Slug, Suspension},
    ports::{
        AuditLog, ChangeFeed, EventLog, FeedQuery, KeyLookup, KeyStore, KeyUse, Limit, Organizations,
        PepperRegistry, Poll, Readiness, Rehash, ReplicaId, ReplicaRegistry,
    },
    secret::{PepperCheck, PepperId},
};
use capykeys_testkit::shared;

use crate::support::{database, patient, store};

const READER: ReplicaId = ReplicaId([7; 16]);

/// The statements that the server has logged for this database.
pub(crate) fn logged(database: &str) -> Vec<String> {
    let (executed, simple) =
        (format!(" {database} LOG:  execute "), format!(" {database} LOG:  statement: "));
    let log = shared().log();
    let statements = log.lines().filter(|line| line.contains(&executed) || line.contains(&simple));
    statements.map(str::to_owned).collect()
}

fn statements(database: &str) -> usize {
    logged(database).len()
}

macro_rules! takes_one {
    ($database:expr, $operation:expr) => {{
        let before = statements($database);
        let outcome = $operation.await.unwrap();
        assert_eq!(statements($database) - before, 1, "{}", stringify!($operation));
        outcome
    }};
}

#[tokio::test]
async fn every_operation_is_one_statement() {
    let database = &database().await;
    shared().execute(database, &format!("ALTER DATABASE {database} SET log_statement = 'all'"));
    let store = store(&patient(shared().url(database)));
    // Opens the connection, which takes statements of its own.
    store.check_readiness().await.unwrap();
    takes_one!(database, store.check_readiness());

    let (at, limit) = (fixtures::at(0), Limit::new(10).unwrap());
    let organization = fixtures::organization_at_clerk(at, "org_one");
    let id = organization.id;
    let event = fixtures::event(AuditAction::CreateOrganization, at, id, None);
    let suspension = Suspension { at, reason: None };
    let _ = takes_one!(database, store.create_organization(organization.clone(), event.clone()));
    let _ = takes_one!(database, store.create_organization(organization.clone(), event.clone()));
    takes_one!(database, store.find_organization(id));
    takes_one!(database, store.find_organization_by_external_id(&organization.clerk.as_ref().unwrap().id));
    takes_one!(database, store.list_organizations(None, limit));

    let head = takes_one!(database, store.feed_head(READER));

    let new = fixtures::key(id, at);
    let _ = takes_one!(database, store.insert_key(new.clone(), fixtures::created(&new)));
    let _ = takes_one!(database, store.insert_key(new.clone(), fixtures::created(&new)));
    takes_one!(database, store.find_key(id, new.key.id));
    takes_one!(database, store.list_keys(fixtures::all_keys(id)));
    takes_one!(database, store.find_key_by_digest(std::slice::from_ref(&new.digest))).unwrap();
    let another = fixtures::key(id, at);
    let _ = store.insert_key(another.clone(), fixtures::created(&another)).await.unwrap();
    let uses = vec![new.key.id, another.key.id, new.key.id].into_iter().map(|key| KeyUse {
        key,
        at,
        with_previous: false,
    });
    takes_one!(database, store.record_uses(uses.collect()));
    let _ = takes_one!(database, store.revoke_key(fixtures::revoke(&new.key, at))).unwrap();
    let _ = takes_one!(database, store.revoke_key(fixtures::revoke(&new.key, at))).unwrap();

    takes_one!(database, store.set_suspension(fixtures::set_suspension(id, Some(suspension.clone()), at)));
    let renaming = Renaming { slug: Slug::parse("new").ok(), ..Renaming::default() };
    takes_one!(database, store.rename_organization(fixtures::rename(id, renaming.clone(), at)));
    takes_one!(database, store.append_event(event.clone()));
    takes_one!(database, store.list_events(fixtures::all_events(id)));
    takes_one!(database, store.follow_events(None, limit));

    let told =
        takes_one!(database, store.poll_changes(FeedQuery { reader: READER, after: head.position, limit }));
    assert!(matches!(told, Poll::Changes { changes, .. } if changes.len() == 2));

    for _ in 0..2 {
        takes_one!(database, store.revoke_keys(fixtures::revoke_many(id, [another.key.id], at)));
        takes_one!(database, store.revoke_lineage(fixtures::revoke(&another.key, at), limit)).unwrap();
    }

    takes_one!(database, store.register_replica(READER, Duration::from_secs(1)));
    takes_one!(database, store.confirm_progress(READER, head.position.into()));
    let renewals = takes_one!(database, store.read_registry()).replicas[0].renewals;
    assert!(takes_one!(database, store.retire_replica(READER, renewals)));
    takes_one!(database, store.forget_replica(READER, renewals));

    let pepper = PepperId::parse("2").unwrap();
    takes_one!(
        database,
        store.announce_peppers(READER, vec![PepperCheck { id: pepper.clone(), value: [2; 32] }])
    );
    assert!(takes_one!(database, store.take_turn(READER, pepper)));
    takes_one!(database, store.count_pepper_uses(at));
    let rehash = Rehash { key: another.key.id, from: another.digest.clone(), to: fixtures::digest([1; 32]) };
    takes_one!(database, store.rehash_keys(vec![rehash]));
    takes_one!(database, store.expire_events(at, limit));

    // A statement that a pooler has prepared must outlive a column that is added: it names its own.
    for statement in logged(database) {
        let names_its_columns =
            !statement.replace("count(*)", "").replace("'*'", "").replace("() * ", "").contains('*');
        assert!(names_its_columns, "{statement}");
    }
}
