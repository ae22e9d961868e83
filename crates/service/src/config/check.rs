//! Settings that can be read and cannot mean what was written.

use std::{net::SocketAddr, path::Path};

use capykeys_domain::secret::{KeyFormat, PepperId};
use capykeys_http::Settings;
use url::Url;

use super::{
    Clerk, Config, ConfigError, Internal, Keys, Period,
    rule::{broken, issuer, one, origin, trustworthy, within},
};

const MINUTE: Period = Period::millis(60_000);
/// More would be a mistake, and more than there is memory for.
const REMEMBERED: usize = 100_000_000;

impl Config {
    /// Checks all settings without looking at a file, the store or the network.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_numbers()?;
        self.check_listeners()?;
        self.check_store()?;
        self.keys.check()?;
        self.internal.check()?;
        self.clerk.check()?;
        for (section, provider) in &self.oidc {
            provider.settings(section, provider.fetched_keys())?;
        }
        self.telemetry.check()?;
        self.role_table(&self.catalogue()?)?;
        self.log.filter().map(drop)
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let (server, postgres, cache) = (&self.server, &self.postgres, &self.cache);
        within("server.workers", server.workers.get(), 1..=Settings::MAX_WORKERS)?;
        // Less was meant in seconds.
        within("server.request_timeout", server.request_timeout, Period::millis(100)..=Period::HOUR)?;
        within("server.shutdown_timeout", server.shutdown_timeout, Period::ZERO..=Period::HOUR)?;
        within("server.drain", server.drain, Period::ZERO..=Period::HOUR)?;
        within("server.idle_timeout", server.idle_timeout, Period::millis(1_000)..=Period::HOUR)?;
        server.base_path()?;
        within("server.max_connections", server.max_connections, 1..=1_000_000)?;
        within("store.command_timeout", self.store.command_timeout, Period::millis(100)..=Period::HOUR)?;
        within("postgres.pool_size", postgres.pool_size, 1..=10_000)?;
        within("postgres.lookup_pool_size", postgres.lookup_pool_size, 1..=10_000)?;
        within("postgres.deadline", postgres.deadline, Period::millis(10)..=MINUTE)?;
        within("postgres.connect_timeout", postgres.connect_timeout, Period::millis(100)..=MINUTE)?;
        // Below, polls would come faster than databases answer; above, DELETE would take too long.
        within("cache.lease", cache.lease, Period::millis(50)..=Period::millis(5_000))?;
        within("cache.registration", cache.registration, Period::millis(1_000)..=Period::millis(10_000))?;
        within("cache.keys", cache.keys.get(), 1..=REMEMBERED)?;
        within("cache.absent", cache.absent, 0..=REMEMBERED)?;
        within("usage.flush_interval", self.usage.flush_interval, Period::millis(10)..=Period::HOUR)?;
        within("audit.refusal_interval", self.audit.refusal_interval, Period::millis(100)..=Period::HOUR)?;
        let year = || Period::ZERO..=Period::days(366);
        within("keys.rotation_grace", self.keys.rotation_grace, year())?;
        within("keys.longest_rotation_grace", self.keys.longest_rotation_grace, year())?;
        if self.keys.expiry_notices.len() > 8 {
            return Err(broken("keys.expiry_notices", "must be eight periods at most"));
        }
        for notice in &self.keys.expiry_notices {
            within("keys.expiry_notices", *notice, Period::millis(1_000)..=Period::days(366))?;
        }
        // A century: more is for ever, which is said by leaving it out.
        let century = Period::days(1)..=Period::days(36_500);
        self.audit.keep.map_or(Ok(()), |keep| within("audit.keep", keep, century))
    }

    fn check_listeners(&self) -> Result<(), ConfigError> {
        let listeners = [
            ("server.listen", Some(self.server.listen)),
            ("internal.listen", Some(self.internal.listen)),
            ("internal.grpc_listen", self.internal.grpc_listen),
        ];
        for (at, (name, address)) in listeners.iter().enumerate() {
            let Some(address) = address else { continue };
            if address.ip().is_multicast() || address.ip() == std::net::Ipv4Addr::BROADCAST {
                return Err(broken(name, "is an address of many, at which nobody can listen"));
            }
            let same = |(_, other): &&(&str, Option<SocketAddr>)| {
                other.is_some_and(|other| collide(*address, other))
            };
            if let Some((other, _)) = listeners[..at].iter().find(same) {
                return Err(broken(
                    name,
                    format_args!("is the address of `{other}`: each needs one of its own"),
                ));
            }
        }
        Ok(())
    }

    fn check_store(&self) -> Result<(), ConfigError> {
        directory("sqlite.directory", &self.sqlite.directory)?;
        self.sqlite.first_key_file.as_deref().map_or(Ok(()), |path| file("sqlite.first_key_file", path))
    }
}

/// Whether only one of two listeners can have its address.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let same = ip == other_ip || ip.is_unspecified() || other_ip.is_unspecified();
    same && one.port() == other.port() && one.port() != 0
}

/// A folder, which is made where it is missing: so a mistake would make another one elsewhere.
fn directory(name: &str, path: &Path) -> Result<(), ConfigError> {
    if path.is_file() {
        return Err(broken(
            name,
            "is a file: it must be a folder, in which the database and its pepper are kept",
        ));
    }
    plain_path(name, path)
}

/// A file that is made.
fn file(name: &str, path: &Path) -> Result<(), ConfigError> {
    if path.is_dir() {
        return Err(broken(name, "is a folder: it must be a file"));
    }
    plain_path(name, path)
}

fn plain_path(name: &str, path: &Path) -> Result<(), ConfigError> {
    let text = path.to_string_lossy();
    let rule = if text.starts_with('~') {
        "begins with `~`, which only a shell replaces: write the whole path"
    } else if text.starts_with(":memory:") || text.starts_with("file:") || text.contains("://") {
        "must be a path, and not a URL or `:memory:`"
    } else if text.contains(['"', '\'', '`']) {
        "has a quotation mark in it"
    } else {
        return Ok(());
    };
    Err(broken(name, rule))
}

impl Keys {
    fn check(&self) -> Result<(), ConfigError> {
        let prefix = KeyFormat::new(&self.prefix);
        prefix.map_err(|invalid| broken("keys.prefix", invalid.rule()))?;
        let id = PepperId::parse(&self.pepper_id);
        id.map_err(|invalid| broken("keys.pepper_id", invalid.rule()))?;
        for id in self.older_peppers.keys() {
            let name = format!("keys.older_peppers.{id:?}");
            PepperId::parse(id).map_err(|invalid| broken(&name, invalid.rule()))?;
        }
        Ok(())
    }
}

impl Internal {
    fn check(&self) -> Result<(), ConfigError> {
        self.authorize.check()?;
        let Some(token) = &self.token else { return Ok(()) };
        issuer("internal.token.issuer", &token.issuer)?;
        if let Some(url) = &token.jwks_url {
            trustworthy("internal.token.jwks_url", url)?;
        }
        one("internal.token.audience", &token.audience)?;
        within("internal.token.max_lifetime", token.max_lifetime, LIFETIMES)?;
        for (at, subject) in token.subjects.iter().enumerate() {
            if !is_service_account(subject) {
                let name = format!("internal.token.subjects[{at}]");
                return Err(broken(
                    &name,
                    "must be the name of a service account: system:serviceaccount:NAMESPACE:NAME",
                ));
            }
        }
        Ok(())
    }
}

/// Ten seconds to a year: no token lives for less, and no other stolen one should for more.
pub(super) const LIFETIMES: std::ops::RangeInclusive<Period> = Period::millis(10_000)..=Period::days(365);

/// `system:serviceaccount:` and two names as Kubernetes has them (RFC 1123).
fn is_service_account(subject: &str) -> bool {
    let is_name = |name: &str| {
        let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        name.bytes().all(inner) && outer(name.bytes().next()) && outer(name.bytes().last())
    };
    let names = subject.strip_prefix("system:serviceaccount:").and_then(|names| names.split_once(':'));
    names.is_some_and(|(namespace, name)| is_name(namespace) && is_name(name))
}

/// A Frontend API URL as Clerk writes it into tokens.
fn check_clerk_issuer(name: &str, text: &str) -> Result<(), ConfigError> {
    issuer(name, text)?;
    let rule = "must be an https URL, with the host in small letters and without a slash at its end";
    let url = Url::parse(text).map_err(|_| broken(name, rule))?;
    trustworthy(name, &url)?;
    if text.ends_with('/') || url.as_str().trim_end_matches('/') != text {
        return Err(broken(name, rule));
    }
    Ok(())
}

impl Clerk {
    fn check(&self) -> Result<(), ConfigError> {
        for (instance, settings) in &self.instances {
            let name = |setting: &str| format!("clerk.instances.{instance}.{setting}");
            check_clerk_issuer(&name("issuer"), &settings.issuer)?;
            if let Some(url) = &settings.jwks_url {
                trustworthy(&name("jwks_url"), url)?;
            }
            if let Some(audience) = &settings.audience {
                one(&name("audience"), audience)?;
            }
            within(&name("max_lifetime"), settings.max_lifetime, LIFETIMES)?;
            for (at, party) in settings.authorized_parties.iter().enumerate() {
                origin(&name(&format!("authorized_parties[{at}]")), party)?;
            }
        }
        Ok(())
    }
}
