//! Putting the service together from the configuration.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use capykeys_cache::{
    CachedStore, MonotonicClock, OrganizationCache, Propagation, StoreClock, VerificationCache,
};
use capykeys_clerk::{ClerkSettings, ClerkVerifier, HttpFetcher, InstanceSettings, KeySource};
use capykeys_domain::{
    model::{RequestContext, RequestId},
    ports::{Clock, Entropy, ReplicaId, ReplicaRegistry, Replicas, SessionVerifier},
    secret::KeyFormat,
    usecases::{Capykeys, Ports},
};
use capykeys_usage::{CountedRefusals, UseRecorder};
use tokio::runtime::Handle;

use crate::{
    adapters::{SystemClock, SystemEntropy},
    commands::Error,
    config::{Clerk, Config, ConfigError, Instance, Secret, StoreKind},
    pepper_watch::PepperWatch,
    peppers,
    store::Store,
};

/// The service, put together.
pub(crate) struct App {
    /// The use cases.
    pub(crate) capykeys: Arc<Capykeys>,
    /// Who verifies sessions, where any are accepted.
    pub(crate) sessions: Option<Arc<ClerkVerifier>>,
    /// What is remembered of keys. It follows the store once it is told to.
    pub(crate) cache: VerificationCache,
    /// Who is told what is used. Nothing is recorded unless it is run: commands use no key.
    pub(crate) uses: UseRecorder,
    /// What the store says of the configured peppers.
    pub(crate) peppers: PepperWatch,
    /// Who counts refusals. What is counted is not written unless it is run: commands are refused nothing.
    pub(crate) refusals: CountedRefusals,
}

/// Whom the service is put together for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A server, which remembers keys.
    Replica,
    /// A command beside the servers, which remembers nothing.
    Command,
}

/// The service over the configured store and the configured Clerk instances.
pub(crate) async fn build(config: &Config, role: Role) -> Result<App, Error> {
    let format = KeyFormat::new(&config.keys.prefix)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let roles = config.role_table()?;
    let sessions = sessions(&config.clerk, &clock)?.map(Arc::new);
    // The store first: it makes the folder that a new pepper is put into.
    let store = Store::open(config, role)?;
    let store_is_empty = config.store.kind == StoreKind::Sqlite
        && store.organizations.list(None, NonZeroU32::MIN).await?.is_empty();
    let settings = config.cache.settings();
    let registry = Arc::clone(&store.registry);
    let cached = CachedStore { lookup: store.lookup, feed: store.feed, registry: store.registry };
    let replica = ReplicaId(random()?);
    let cache = VerificationCache::new(settings, replica, cached);
    let peppers = Arc::new(peppers::load(config, store_is_empty)?.uncompared());
    let uses =
        UseRecorder::rehashing((&config.usage).into(), Arc::clone(&store.keys), Arc::clone(&store.peppers));
    let mut watch = PepperWatch::new(store.peppers, replica, Arc::clone(&peppers));
    watch.compare().await;
    let refusals = CountedRefusals::new(store.audit);
    let ports = Ports {
        keys: store.keys,
        resolver: Arc::new(cache.clone()),
        replicas: replicas(config, role, &cache, registry),
        organization_resolver: Arc::new(OrganizationCache::new(
            cache.clone(),
            Arc::clone(&store.organizations),
        )),
        organizations: store.organizations,
        audit: Arc::new(refusals.clone()),
        readiness: store.readiness,
        sessions: sessions.clone().map(|verifier| verifier as Arc<dyn SessionVerifier>),
        clock: Arc::new(MonotonicClock::new(match (role, config.store.kind) {
            (Role::Replica, StoreKind::Postgres) => Arc::new(StoreClock::new(cache.clone(), clock)),
            // Its store has this machine's clock too.
            (Role::Replica, StoreKind::Sqlite) | (Role::Command, _) => clock,
        })),
        uses: Arc::new(uses.clone()),
        entropy: Arc::new(SystemEntropy),
    };
    let capykeys = Capykeys::new(ports, format, peppers, config.clerk.provisioning.into());
    let capykeys = Arc::new(capykeys.with_roles(roles));
    Ok(App { capykeys, sessions, cache, uses, peppers: watch, refusals })
}

/// Who has to obey a change before it is acknowledged.
fn replicas(
    config: &Config,
    role: Role,
    cache: &VerificationCache,
    registry: Arc<dyn ReplicaRegistry>,
) -> Arc<dyn Replicas> {
    let own = (role == Role::Replica).then(|| cache.clone());
    let propagation = Propagation::new(own);
    Arc::new(if config.cache.commit_wait {
        propagation.with_others(registry, &Handle::current())
    } else {
        propagation
    })
}

/// For what a command does on the store: it comes from no address.
pub(crate) fn command_context() -> Result<RequestContext, Error> {
    Ok(RequestContext { request_id: RequestId::from_random(random()?), peer: None })
}

fn random() -> Result<[u8; 16], Error> {
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random)?;
    Ok(random)
}

/// Checks the Clerk instances and asks none of them.
pub(crate) fn check_sessions(config: &Config) -> Result<(), Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    sessions(&config.clerk, &clock).map(drop)
}

fn sessions(clerk: &Clerk, clock: &Arc<dyn Clock>) -> Result<Option<ClerkVerifier>, Error> {
    if clerk.instances.is_empty() {
        return Ok(None);
    }
    let instances =
        clerk.instances.iter().map(|(name, one)| instance(name, one)).collect::<Result<_, _>>()?;
    let fetcher = Arc::new(HttpFetcher::new()?);
    let verifier =
        ClerkVerifier::new(ClerkSettings { instances }, Arc::clone(clock), fetcher, Handle::current())?;
    Ok(Some(verifier))
}

fn instance(name: &str, instance: &Instance) -> Result<InstanceSettings, ConfigError> {
    let keys = match (&instance.jwks_url, &instance.pem_file) {
        (Some(url), None) => KeySource::JwksUrl(url.clone()),
        (None, Some(path)) => KeySource::Pem(
            Secret::read(&format!("clerk.instances.{name}.pem_file"), path)?.expose().to_owned(),
        ),
        _ => {
            return Err(ConfigError::Invalid(format!(
                "clerk.instances.{name} needs either jwks_url or pem_file"
            )));
        }
    };
    Ok(InstanceSettings {
        issuer: instance.issuer.clone(),
        keys,
        audience: instance.audience.clone(),
        max_lifetime: Duration::from_secs(instance.max_lifetime_seconds.get().into()),
        authorized_parties: instance.authorized_parties.clone(),
        claims_v1: instance.claims_v1,
    })
}
