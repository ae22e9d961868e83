//! What a server's `/metrics` say.

use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub(crate) struct Metrics {
    /// Verdicts on keys so far, by outcome.
    pub(crate) verdicts: BTreeMap<String, f64>,
    /// In seconds; none where nothing was said of it.
    pub(crate) lease: Option<f64>,
    pub(crate) keys: Option<f64>,
}

impl Metrics {
    pub(crate) fn parse(text: &str) -> Self {
        let verdicts = samples(text, "capykeys_verdicts_total{").filter_map(|(labels, value)| {
            // Those on sessions have the same names.
            let labels = labels.contains("credential=\"api_key\"").then_some(labels)?;
            let outcome = labels.split("outcome=\"").nth(1)?.split('"').next()?;
            Some((outcome.to_owned(), value))
        });
        let gauge = |name| samples(text, name).map(|(_, value)| value).next();
        Self {
            verdicts: verdicts.collect(),
            lease: gauge("capykeys_cache_lease_seconds "),
            keys: gauge("capykeys_cache_keys "),
        }
    }
}

/// Each line of a metric: its labels and its value.
fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ').unwrap_or(("", &line[name.len()..]));
        Some((labels, value.parse().ok()?))
    })
}
