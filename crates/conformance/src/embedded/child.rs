//! What a process does that a case has started.

use std::{future::Future, io, path::Path, sync::Arc, time::Duration};

use capykeys_domain::{
    model::{AuditAction, Organization, OrganizationId, Suspension},
    ports::{Insertion, NewKey, Rehash, ReplicaId, Unavailable},
};
use futures_util::future::join_all;
use tokio::{runtime::Runtime, task::yield_now, time::timeout};

use super::{Open, disk::Disk, process::say};
use crate::{Store, fixtures};

/// How many tasks write at once.
const WRITERS: usize = 8;
/// Long after every call has to have come back.
const PATIENCE: Duration = Duration::from_secs(30);
/// Fills a disk in a short time.
const LONG: usize = 100;

/// Does what the first line of the standard input says: called by
/// [`embedded_suite!`](crate::embedded_suite) in a process of its own.
///
/// # Panics
/// Where the store breaks its promise, which the process that has started this one notices.
pub fn serve(open: Open) {
    let Some(task) = line() else { return };
    let store = match open(Path::new("data")) {
        Ok(store) => Arc::new(store),
        Err(reason) => return say(&format!("refused {reason}")),
    };
    say("opened");
    let (task, organization) = task.split_once(' ').unwrap_or((&task, ""));
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        match (task, OrganizationId::parse(organization)) {
            ("create", Some(organization)) => create(&store, organization).await,
            ("write", Some(organization)) => write(&store, organization, 1).await,
            ("fill", Some(organization)) => fill(&store, organization).await,
            ("hang", Some(organization)) => hang(&store, organization).await,
            ("refuse", Some(organization)) => refuse(&store, organization).await,
            _ => {}
        }
    });
}

fn line() -> Option<String> {
    let line = io::stdin().lines().next()?.expect("text");
    (!line.is_empty()).then_some(line)
}

/// Creates a key each time that it is told to.
async fn create(store: &Store, organization: OrganizationId) {
    while line().is_some() {
        let new = fixtures::key(organization, fixtures::at(1));
        match insert(store, &new).await {
            Ok(insertion) => assert_eq!(insertion, Insertion::Inserted),
            Err(error) => panic!("{error}"),
        }
        say(&format!("created {}", new.key.id));
    }
}

async fn insert(store: &Store, new: &NewKey) -> Result<Insertion, Unavailable> {
    store.keys.insert_key(new.clone(), fixtures::created(new)).await
}

/// Creates keys and revokes every other one, until it is killed or something fails; says what it is about to do and
/// what was acknowledged.
async fn write(store: &Arc<Store>, organization: OrganizationId, scopes: usize) {
    let writers = (0..WRITERS).map(|_| {
        let store = Arc::clone(store);
        tokio::spawn(async move { while write_two(&store, organization, scopes).await.is_ok() {} })
    });
    for writer in join_all(writers.collect::<Vec<_>>()).await {
        writer.expect("nothing panics");
    }
}

async fn write_two(store: &Store, organization: OrganizationId, scopes: usize) -> Result<(), Unavailable> {
    let scopes: Vec<String> = (0..scopes).map(|number| format!("{}{number}:read", "a".repeat(50))).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    for is_revoked in [false, true] {
        let mut new = fixtures::key(organization, fixtures::at(1));
        new.key.scopes = fixtures::scopes(&scopes);
        assert_eq!(insert(store, &new).await?, Insertion::Inserted);
        say(&format!("created {}", new.key.id));
        if is_revoked {
            say(&format!("revoking {}", new.key.id));
            let _ = store
                .keys
                .revoke_key(fixtures::revoke(&new.key, fixtures::at(9)))
                .await?
                .expect("it was created");
            say(&format!("revoked {}", new.key.id));
        }
    }
    Ok(())
}

/// Writes until nothing fits any more.
async fn fill(store: &Arc<Store>, organization: OrganizationId) {
    let first = store.key(&organization_of(organization), 1).await;
    say(&format!("created {}", first.key.id));
    write(store, organization, LONG).await;
    let found = store.lookup.find_key_by_digest(std::slice::from_ref(&first.digest)).await;
    assert_eq!(found.expect("a full disk keeps nobody from reading").expect("it is there").key, first.key);
    let listed = store.listed(organization).await;
    assert!(listed.contains(&first.key));
}

/// One that has this id.
fn organization_of(id: OrganizationId) -> Organization {
    Organization { id, ..fixtures::organization(fixtures::at(0)) }
}

/// What comes back, however long the disk takes.
async fn in_time<T>(call: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{call} does not come back: it has no deadline"))
}

/// Two keys of the organization, the first of which may be revoked, and one of another, which is there before them.
async fn three_keys(store: &Store, organization: OrganizationId) -> [NewKey; 3] {
    let organization = organization_of(organization);
    let other = store.key(&store.organization().await, 3).await;
    let (first, second) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    say(&format!("created {}", first.key.id));
    say(&format!("revoking {}", first.key.id));
    say(&format!("created {}", second.key.id));
    [first, second, other]
}

/// Every call comes back, and none that writes is acknowledged.
async fn hang(store: &Store, organization: OrganizationId) {
    let keys = three_keys(store, organization).await;
    {
        let _disk = Disk::hangs();
        nothing_is_acknowledged(store, organization, &keys).await;
        let ready = in_time("check_readiness", store.readiness.check_readiness()).await;
        assert!(ready.is_err(), "says that it is ready while it can write nothing");
        let [_, second, _] = keys;
        let found = in_time("find_key", store.keys.find_key(organization, second.key.id)).await;
        assert!(
            found.is_ok_and(|found| found == Some(second.key)),
            "writes that wait keep nobody from reading"
        );
    }
    writes_again(store, organization).await;
}

async fn refuse(store: &Store, organization: OrganizationId) {
    let keys = three_keys(store, organization).await;
    {
        let _disk = Disk::refuses();
        nothing_is_acknowledged(store, organization, &keys).await;
    }
    writes_again(store, organization).await;
}

/// Once the disk is well, without a restart.
async fn writes_again(store: &Store, organization: OrganizationId) {
    // What has waited may go on first.
    let inserted = timeout(PATIENCE, async {
        while insert(store, &fixtures::key(organization, fixtures::at(3))).await.is_err() {
            yield_now().await;
        }
    });
    assert!(inserted.await.is_ok(), "writes go on when the disk is well");
    in_time("check_readiness", store.readiness.check_readiness()).await.expect("it is ready again");
}

/// Of all that has to be on the disk before it is acknowledged.
async fn nothing_is_acknowledged(store: &Store, id: OrganizationId, keys: &[NewKey; 3]) {
    let at = fixtures::at(5);
    let [known, _, moved] = keys;
    let listed = fixtures::event(AuditAction::ListKeys, at, id, None);
    let new = fixtures::key(id, at);
    let another = fixtures::organization(at);
    let created = fixtures::event(AuditAction::CreateOrganization, at, another.id, None);
    let suspension = fixtures::set_suspension(id, Some(Suspension { at, reason: None }), at);
    let rehash = Rehash { key: moved.key.id, from: moved.digest.clone(), to: fixtures::key(id, at).digest };
    let outcomes = tokio::join!(
        in_time("insert_key", async { insert(store, &new).await.is_ok() }),
        in_time("revoke_key", async {
            store.keys.revoke_key(fixtures::revoke(&known.key, at)).await.is_ok()
        }),
        in_time("create_organization", async {
            store.organizations.create_organization(another, created).await.is_ok()
        }),
        in_time("set_suspension", async { store.organizations.set_suspension(suspension).await.is_ok() }),
        in_time("append_event", async { store.audit.append_event(listed).await.is_ok() }),
        in_time("register_replica", async {
            store.registry.register_replica(ReplicaId([1; 16]), Duration::from_secs(1)).await.is_ok()
        }),
        in_time("rehash_keys", async { store.peppers.rehash_keys(vec![rehash]).await.is_ok() }),
    );
    let nothing = (false, false, false, false, false, false, false);
    assert_eq!(outcomes, nothing, "acknowledged and not on the disk");
}
