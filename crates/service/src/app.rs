//! Putting the service together from the configuration.

use std::sync::Arc;

use capykeys_cache::{
    CachedStore, MonotonicClock, OrganizationCache, Propagation, RegisteredReadiness, StoreClock,
    VerificationCache,
};
use capykeys_domain::{
    ports::{
        AuditLog, Clock, KeyResolver, KeyStore, Limit, Organizations, PepperRegistry, ReplicaId,
        ReplicaRegistry, Replicas, Unremembered,
    },
    secret::{KeyFormat, Peppers},
    usecases::{Environment, Management, Operators, Sessions, Verdicts},
};
use capykeys_storage::{Backend, OpenedFor};
use capykeys_usage::{CountedRefusals, UseRecorder};
use tokio::runtime::Handle;

use crate::{
    adapters::{SystemClock, SystemEntropy, host, random},
    config::Config,
    error::Error,
    pepper_watch::PepperWatch,
    peppers,
    read_only::ReadOnly,
    sessions::SessionVerifiers,
};

/// The service, put together.
pub(crate) struct App {
    /// The store's, held until the end.
    pub(crate) lock: Option<Box<dyn Send>>,
    /// The time, and how keys look.
    pub(crate) environment: Arc<Environment>,
    /// Who is who, and what they are good for.
    pub(crate) verdicts: Arc<Verdicts>,
    /// What callers do with keys.
    pub(crate) management: Arc<Management>,
    /// What operators do.
    pub(crate) operators: Operators,
    /// Who verifies sessions, where any are accepted.
    pub(crate) sessions: Option<Arc<SessionVerifiers>>,
    /// What is remembered of keys. It follows the store once it is told to.
    pub(crate) cache: VerificationCache,
    /// Who is told what is used. Nothing is recorded unless it is run: commands use no key.
    pub(crate) uses: UseRecorder,
    /// What the store says of the configured peppers.
    pub(crate) peppers: PepperWatch,
    /// Who counts refusals. What is counted is not written unless it is run: commands are refused nothing.
    pub(crate) refusals: CountedRefusals,
}

/// The service over the configured store, for whoever may sign in.
pub(crate) async fn build(
    config: &Config,
    backend: &dyn Backend,
    opened_for: OpenedFor,
    read_only: ReadOnly,
) -> Result<App, Error> {
    let format = KeyFormat::new(&config.keys.prefix)?;
    let catalogue = config.catalogue()?;
    let roles = config.role_table(&catalogue)?;
    let verifier = SessionVerifiers::configured(config)?;
    // The store before the peppers: it makes the folder that a new one is put into.
    let store = backend.open(opened_for, host()).await?;
    let registry = store.registry;
    // What was refused before nothing was to be written is written all the same.
    let refusals = CountedRefusals::new(Arc::clone(&store.audit));
    let refused = read_only.guard::<dyn AuditLog>(Arc::new(refusals.clone()));
    let audit: Arc<dyn AuditLog> = read_only.guard(store.audit);
    let keys: Arc<dyn KeyStore> = read_only.guard(store.keys);
    let organizations: Arc<dyn Organizations> = read_only.guard(store.organizations);
    let registered: Arc<dyn PepperRegistry> = read_only.guard(store.peppers);
    let peppers = Arc::new(load_peppers(config, backend, &*organizations).await?.uncompared());
    let replica = ReplicaId(random()?);
    let cached =
        CachedStore { lookup: Arc::clone(&store.lookup), feed: store.feed, registry: Arc::clone(&registry) };
    let cache = VerificationCache::new(config.cache.settings(store.shared), replica, cached);
    let mut watch = PepperWatch::new(Arc::clone(&registered), replica, Arc::clone(&peppers), cache.clone());
    watch.compare().await;
    let others = (store.shared && config.cache.commit_wait).then_some(registry);
    let replicas = replicas(opened_for, &cache, others);
    let uses = UseRecorder::rehashing((&config.usage).into(), Arc::clone(&keys), registered);

    let follows_store = store.own_clock && opened_for == OpenedFor::Replica;
    let clock = clock(follows_store.then(|| cache.clone()));
    let environment = Arc::new(Environment::new(clock, Arc::new(SystemEntropy), format, peppers, catalogue));
    let sessions = verifier.clone().map(|verifier| {
        let remembered = Arc::new(OrganizationCache::new(cache.clone(), Arc::clone(&organizations)));
        let (environment, organizations) = (Arc::clone(&environment), Arc::clone(&organizations));
        let provisioning = config.clerk.provisioning.into();
        Sessions::new(environment, verifier, remembered, organizations, provisioning, roles)
    });
    // The cache of a command follows nobody, and vouches for nothing.
    let resolver: Arc<dyn KeyResolver> = match opened_for {
        OpenedFor::Replica => Arc::new(cache.clone()),
        OpenedFor::Command(_) => Arc::new(Unremembered(store.lookup)),
    };
    let readiness = Arc::new(RegisteredReadiness::new(cache.clone(), store.readiness));
    let verdicts =
        Verdicts::new(Arc::clone(&environment), resolver, Arc::new(uses.clone()), readiness, sessions);
    let management = Management::new(
        Arc::clone(&environment),
        keys,
        Arc::clone(&organizations),
        refused,
        Arc::clone(&replicas),
        (&config.keys).into(),
    );
    let operators = Operators::new(Arc::clone(&environment), organizations, audit, replicas);
    Ok(App {
        lock: store.lock,
        environment,
        verdicts: Arc::new(verdicts),
        management: Arc::new(management),
        operators,
        sessions: verifier,
        cache,
        uses,
        peppers: watch,
        refusals,
    })
}

/// The configured peppers, or the store's own.
async fn load_peppers(
    config: &Config,
    backend: &dyn Backend,
    organizations: &dyn Organizations,
) -> Result<Peppers, Error> {
    let directory = backend.embedded().map(|embedded| embedded.directory);
    let store_is_empty =
        directory.is_some() && organizations.list_organizations(None, Limit::ONE).await?.is_empty();
    Ok(peppers::load(&config.keys, directory, store_is_empty)?)
}

/// Who has to obey a change before it is acknowledged: this process, where it remembers anything, and
/// whoever else is registered there.
fn replicas(
    opened_for: OpenedFor,
    cache: &VerificationCache,
    others: Option<Arc<dyn ReplicaRegistry>>,
) -> Arc<dyn Replicas> {
    let own = Propagation::new((opened_for == OpenedFor::Replica).then(|| cache.clone()));
    Arc::new(match others {
        Some(registry) => own.with_others(registry, &Handle::current()),
        None => own,
    })
}

/// The clock of the store that this cache follows, or else this machine's.
fn clock(follows: Option<VerificationCache>) -> Arc<dyn Clock> {
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    Arc::new(MonotonicClock::new(match follows {
        Some(cache) => Arc::new(StoreClock::new(cache, system)),
        None => system,
    }))
}

#[cfg(test)]
mod tests;
