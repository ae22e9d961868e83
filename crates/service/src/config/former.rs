//! Settings that had the unit in their name. Files and variables of before are read as they were meant.

use config::{Config, ConfigError as Unusable, Map, Value, ValueKind};

use super::{ConfigError, name::below, rule::broken};

/// As they were called; `*` is a name of one's own. What they are called now is that without the unit.
const FORMER: [&str; 13] = [
    "server.request_timeout_ms",
    "server.drain_ms",
    "server.shutdown_timeout_ms",
    "server.idle_timeout_ms",
    "internal.token.max_lifetime_seconds",
    "store.command_timeout_ms",
    "postgres.deadline_ms",
    "postgres.connect_timeout_ms",
    "cache.lease_ms",
    "usage.flush_interval_ms",
    "audit.refusal_interval_ms",
    "audit.keep_days",
    "clerk.instances.*.max_lifetime_seconds",
];

/// The settings that were found by the names of before: what they are called now, and what they were.
#[derive(Default)]
pub(super) struct Former(Vec<(String, String)>);

impl Former {
    /// Gives the settings of one source the names and units that they have now. Each source by itself, so that
    /// a variable goes before the file whichever of the names each has.
    pub(super) fn renamed(&mut self, source: Result<Config, Unusable>) -> Result<Config, ConfigError> {
        let mut source = source.map_err(|error| ConfigError::unusable(&error))?;
        for name in FORMER {
            self.rename(&mut source.cache, &name.split('.').collect::<Vec<_>>(), "")?;
        }
        Ok(source)
    }

    fn rename(&mut self, written: &mut Value, path: &[&str], section: &str) -> Result<(), ConfigError> {
        let ValueKind::Table(table) = &mut written.kind else { return Ok(()) };
        match path {
            [former] => self.rename_one(table, former, section),
            ["*", rest @ ..] => {
                table.iter_mut().try_for_each(|(key, value)| self.rename(value, rest, &below(section, key)))
            }
            [key, rest @ ..] => {
                table.get_mut(*key).map_or(Ok(()), |value| self.rename(value, rest, &below(section, key)))
            }
            [] => Ok(()),
        }
    }

    fn rename_one(
        &mut self,
        table: &mut Map<String, Value>,
        former: &str,
        section: &str,
    ) -> Result<(), ConfigError> {
        let (Some(mut value), Some((name, unit))) = (table.remove(former), former.rsplit_once('_')) else {
            return Ok(());
        };
        let (now, before) = (below(section, name), below(section, former));
        if table.contains_key(name) {
            return Err(broken(
                &before,
                format_args!("is now called `{now}`, which is set too: leave one out"),
            ));
        }
        let unit = if unit == "ms" { unit } else { &unit[..1] };
        let number = value.clone().into_string().ok().and_then(|text| text.parse::<u64>().ok());
        let rule = format!("must be a whole number; with a unit, as in `2s`, it is called `{now}`");
        let number = number.ok_or_else(|| broken(&before, rule))?;
        value.kind = ValueKind::String(format!("{number}{unit}"));
        table.insert(name.to_owned(), value);
        self.0.push((now, before));
        Ok(())
    }

    /// What is wrong, said of the names that somebody has written.
    pub(super) fn as_written(&self, error: ConfigError) -> ConfigError {
        let ConfigError::Invalid(sentence) = error else { return error };
        let as_written = |sentence: String, (now, before): &(String, String)| {
            sentence.replace(&format!("`{now}`"), &format!("`{before}`"))
        };
        ConfigError::Invalid(self.0.iter().fold(sentence, as_written))
    }
}
