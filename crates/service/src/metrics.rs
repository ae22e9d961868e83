//! What is looked at whenever somebody collects metrics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use capykeys_cache::{CacheStatus, VerificationCache};
use capykeys_usage::UseRecorder;
use opentelemetry::{KeyValue, global, metrics::Meter};

use crate::{VERSION, read_only::ReadOnly, sessions::SessionVerifiers, tls::Tls};

/// Has everything looked at that parts of the service count for themselves.
pub(crate) fn observe(
    sessions: Option<Arc<SessionVerifiers>>,
    cache: &VerificationCache,
    uses: &UseRecorder,
    missing_peppers: Arc<AtomicU64>,
    read_only: ReadOnly,
) {
    let meter = global::meter("capykeys");
    observe_refusals(&meter, sessions);
    observe_cache(&meter, cache);
    observe_lookups(&meter, cache.clone());
    observe_losses(&meter, cache.clone());
    let (dropped, pending) = (uses.clone(), uses.clone());
    meter
        .u64_observable_counter("capykeys.uses.dropped")
        .with_description("Uses of keys that were dropped because too many keys were used")
        .with_callback(move |observer| observer.observe(dropped.dropped(), &[]))
        .build();
    gauge(&meter, "capykeys.uses.pending", "Keys whose last use is not recorded yet", move || {
        count(pending.pending())
    });
    let help = "Active keys whose pepper is not configured: they are refused";
    gauge(&meter, "capykeys.keys.of_missing_peppers", help, move || missing_peppers.load(Ordering::Relaxed));
    let help = "Whether nothing is written, with what was under way ended";
    gauge(&meter, "capykeys.read_only", help, move || read_only.is_on().into());
    meter
        .u64_observable_gauge("capykeys.build.info")
        .with_description("Which program this is")
        .with_callback(|observer| observer.observe(1, &[KeyValue::new("version", VERSION)]))
        .build();
}

/// Session tokens that were refused, for each reason that there is: a closed set.
fn observe_refusals(meter: &Meter, sessions: Option<Arc<SessionVerifiers>>) {
    let Some(verifiers) = sessions else { return };
    meter
        .u64_observable_counter("capykeys.session.refusals")
        .with_description("Session tokens that were refused")
        .with_callback(move |observer| {
            for (reason, count) in verifiers.refusals() {
                observer.observe(count, &[KeyValue::new("reason", reason)]);
            }
        })
        .build();
}

/// When the certificates of the internal listener end.
pub(crate) fn observe_certificates(tls: Tls) {
    global::meter("capykeys")
        .u64_observable_gauge("capykeys.tls.certificate.not_after")
        .with_description("When certificates end, in seconds since 1970")
        .with_unit("s")
        .with_callback(move |observer| {
            for (setting, end) in tls.ends() {
                observer.observe(end.as_secs(), &[KeyValue::new("setting", setting)]);
            }
        })
        .build();
}

/// What is remembered of keys, and for how long it may still be used.
fn observe_cache(meter: &Meter, cache: &VerificationCache) {
    let of_status = |name, help, read: fn(CacheStatus) -> u64| {
        let cache = cache.clone();
        gauge(meter, name, help, move || read(cache.status()));
    };
    of_status("capykeys.cache.keys", "Keys that are remembered", |status| count(status.keys));
    of_status("capykeys.cache.absent_keys", "Made-up keys that are remembered", |status| {
        count(status.absent)
    });
    of_status("capykeys.replicas", "Servers that are registered in the store", |status| {
        count(status.replicas)
    });
    let help = "For how long what is remembered may be used";
    seconds(meter, "capykeys.cache.lease", help, cache, |status| {
        Some(status.lease_remaining.unwrap_or_default())
    });
    let help = "How old the last answer of the change feed is";
    seconds(meter, "capykeys.feed.lag", help, cache, |status| status.feed_lag);
}

fn observe_lookups(meter: &Meter, cache: VerificationCache) {
    meter
        .u64_observable_counter("capykeys.key.lookups")
        .with_description("Lookups of keys, by where they were answered from")
        .with_callback(move |observer| {
            let CacheStatus { hits, reads, .. } = cache.status();
            for (source, value) in [("cache", hits), ("store", reads)] {
                observer.observe(value, &[KeyValue::new("source", source)]);
            }
        })
        .build();
}

/// A failover to a standby that was behind is the cluster's choice, and nobody else says that it has happened.
fn observe_losses(meter: &Meter, cache: VerificationCache) {
    meter
        .u64_observable_counter("capykeys.feed.lost_changes")
        .with_description("Changes that this server had read and that the store has lost")
        .with_callback(move |observer| observer.observe(cache.status().lost_changes, &[]))
        .build();
}

fn gauge(
    meter: &Meter,
    name: &'static str,
    help: &'static str,
    read: impl Fn() -> u64 + Send + Sync + 'static,
) {
    let gauge = meter.u64_observable_gauge(name).with_description(help);
    gauge.with_callback(move |observer| observer.observe(read(), &[])).build();
}

fn seconds(
    meter: &Meter,
    name: &'static str,
    help: &'static str,
    cache: &VerificationCache,
    read: fn(CacheStatus) -> Option<Duration>,
) {
    let (gauge, cache) =
        (meter.f64_observable_gauge(name).with_description(help).with_unit("s"), cache.clone());
    gauge
        .with_callback(move |observer| {
            if let Some(time) = read(cache.status()) {
                observer.observe(time.as_secs_f64(), &[]);
            }
        })
        .build();
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
