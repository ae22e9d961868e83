//! What no setting can mean, whichever it is: what an env file, a template or a shell has left in a
//! value, and variables that nobody reads.

use std::collections::{HashMap, HashSet};

use config::{Value, ValueKind};
use serde_json::Value as Json;

use super::{ConfigError, name::below};

/// Settings of these names may be empty: a role may be granted nothing, and a key's end need not be said.
const MAY_BE_EMPTY: [&str; 4] =
    ["clerk.other_roles", "clerk.roles.", "internal.authorize.headers.key_expires_at", "keys.expiry_notices"];
/// May hold a password, in which everything can be meant.
const PASSWORDS: [&str; 1] = ["postgres.url"];
/// What comes before the id in the name of a variable for an older pepper.
const OLDER_PEPPERS: &str = "CAPYKEYS__KEYS__OLDER_PEPPERS__";

/// Refuses texts that cannot be meant, in all of the configuration. They are not repeated.
pub(super) fn check(name: &str, value: &Value) -> Result<(), ConfigError> {
    match &value.kind {
        ValueKind::Table(table) => table.iter().try_for_each(|(key, value)| check(&below(name, key), value)),
        ValueKind::Array(array) if array.is_empty() => emptiness(name),
        ValueKind::Array(array) => {
            array.iter().enumerate().try_for_each(|(at, value)| check(&format!("{name}[{at}]"), value))
        }
        ValueKind::String(text) => self::text(name, text),
        _ => Ok(()),
    }
}

fn text(name: &str, text: &str) -> Result<(), ConfigError> {
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    let unresolved = || text.contains("${") || text.contains("$(");
    if text.chars().all(|character| character == ',' || character.is_whitespace()) {
        emptiness(name)
    } else if text.contains(char::is_control) {
        Err(refused(
            name,
            "has a control character in it, such as the carriage return at the end of a line in a DOS file",
        ))
    } else if text.trim() != text {
        Err(refused(name, "begins or ends with white space"))
    } else if ['"', '\'', '`'].into_iter().any(quoted) {
        Err(refused(
            name,
            "is in quotation marks: not everything that reads an env file takes them away, so leave them out",
        ))
    } else if !PASSWORDS.contains(&name) && unresolved() {
        Err(refused(name, "has a variable in it that was not replaced: nothing is replaced here"))
    } else {
        Ok(())
    }
}

/// Whether the setting of this name may be empty.
pub(crate) fn may_be_empty(name: &str) -> bool {
    MAY_BE_EMPTY.iter().any(|prefix| name.starts_with(prefix))
}

fn emptiness(name: &str) -> Result<(), ConfigError> {
    if may_be_empty(name) {
        return Ok(());
    }
    Err(refused(name, "is empty: give it a value, or leave it out where its default is meant"))
}

/// Refuses what was taken for a number and is none: `true` for 1, 1.5 for 2 where it has to be a whole one.
pub(super) fn check_numbers(name: &str, written: &Value, read: &Json) -> Result<(), ConfigError> {
    match (&written.kind, read) {
        (ValueKind::Table(table), Json::Object(read)) => table.iter().try_for_each(|(key, value)| {
            read.get(key).map_or(Ok(()), |read| check_numbers(&below(name, key), value, read))
        }),
        (ValueKind::Boolean(_), Json::Number(number)) if number.is_f64() => {
            Err(refused(name, "must be a number"))
        }
        // A share.
        (_, Json::Number(number)) if number.is_f64() => Ok(()),
        (ValueKind::String(text), Json::Number(_)) if text.parse::<i128>().is_err() => {
            Err(refused(name, "must be a whole number"))
        }
        (ValueKind::Float(_) | ValueKind::Boolean(_), Json::Number(_)) => {
            Err(refused(name, "must be a whole number"))
        }
        _ => Ok(()),
    }
}

fn refused(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid(format!("`{name}` {reason}"))
}

/// Whether a variable of this name may be meant for this program.
pub(super) fn is_ours(name: &str) -> bool {
    name.to_ascii_uppercase().starts_with("CAPYKEYS_")
}

/// Whether a variable of this name sets something in this section.
pub(super) fn is_of_section(name: &str, section: &str) -> bool {
    name.to_ascii_uppercase().starts_with(&format!("CAPYKEYS__{}__", section.to_ascii_uppercase()))
}

/// The variables that are ours. Others' may hold anything.
pub(super) fn environment() -> Result<HashMap<String, String>, ConfigError> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        is_ours(&name).then(|| (name, value.into_string()))
    });
    let read = ours.map(|(name, value)| match value {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(ConfigError::Invalid(format!("`{name}` is not valid UTF-8"))),
    });
    read.collect()
}

/// Refuses the names of variables that mean something else than they say, where these are the sections.
pub(super) fn check_names<'a>(
    names: impl Iterator<Item = &'a str>,
    sections: impl Iterator<Item = String>,
) -> Result<(), ConfigError> {
    let sections: Vec<_> = sections.map(|name| format!("{}_", name.to_ascii_uppercase())).collect();
    let mut known = HashSet::new();
    for name in names {
        let upper = name.to_ascii_uppercase();
        // Names are read as lower case, so this id would not be what it says.
        let id = upper.strip_prefix(OLDER_PEPPERS).and_then(|rest| name.get(name.len() - rest.len()..));
        let id = id.and_then(|rest| rest.split("__").next()).unwrap_or_default();
        let reason = if is_misspelt(&upper, &sections) {
            "is not read: between CAPYKEYS, the section and the setting there are two underscores"
        } else if id.contains(|character: char| character.is_ascii_uppercase()) {
            "has a pepper's id in capital letters, which the environment does not keep: write the id in small \
             letters where it is so, else set it in the configuration file"
        } else if !known.insert(upper) {
            "is there twice, in capital and in small letters"
        } else {
            continue;
        };
        return Err(refused(name, reason));
    }
    Ok(())
}

/// Whether somebody has written one underscore where there should be two. Kubernetes sets variables
/// that look so for each service: `CAPYKEYS_POSTGRES_SERVICE_HOST`, `CAPYKEYS_POSTGRES_PORT`.
fn is_misspelt(upper: &str, sections: &[String]) -> bool {
    let Some(rest) = upper.strip_prefix("CAPYKEYS_").filter(|rest| !rest.starts_with('_')) else {
        return false;
    };
    let of_kubernetes = rest.contains("_SERVICE_") || rest.contains("_PORT");
    !of_kubernetes && sections.iter().any(|section| rest.starts_with(section))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<(), String> {
        let ours = names.iter().copied().filter(|name| is_ours(name));
        check_names(ours, crate::config::reference::sections().into_iter()).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_that_would_not_be_read_are_refused_by_name() {
        for name in [
            "CAPYKEYS_POSTGRES_URL",
            "CAPYKEYS_POSTGRES__URL",
            "CAPYKEYS_SQLITE_DIRECTORY",
            "capykeys_server_listen",
        ] {
            let error = named(&["PATH", name]).unwrap_err();
            assert!(error.contains(name) && error.contains("two underscores"), "{error}");
        }
    }

    #[test]
    fn what_kubernetes_and_others_set_is_let_be() {
        for name in [
            "CAPYKEYS_SERVICE_HOST",
            "CAPYKEYS_SERVICE_PORT_HTTP",
            "CAPYKEYS_PORT_8080_TCP_ADDR",
            "CAPYKEYS_POSTGRES_SERVICE_HOST",
            "CAPYKEYS_POSTGRES_PORT",
            "CAPYKEYS_POSTGRES_PORT_5432_TCP",
            "CAPYKEYS_POSTGRES",
            "CAPYKEYS_TEST_PGBIN",
            "CAPYKEYSX",
        ] {
            assert_eq!(named(&[name]), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_peppers_id_in_capital_letters_is_refused() {
        for name in ["CAPYKEYS__KEYS__OLDER_PEPPERS__V1__SECRET", "capykeys__keys__older_peppers__vA__secret"]
        {
            let error = named(&[name]).unwrap_err();
            assert!(error.contains(name) && error.contains("capital letters"), "{error}");
        }
        for name in
            ["CAPYKEYS__KEYS__OLDER_PEPPERS__v1__SECRET", "CAPYKEYS__KEYS__OLDER_PEPPERS__2025__SECRET"]
        {
            assert_eq!(named(&[name]), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_variable_that_is_there_twice_is_refused() {
        let error = named(&["CAPYKEYS__LOG__LEVEL", "capykeys__log__level"]).unwrap_err();
        assert!(error.contains("twice"), "{error}");
    }
}
