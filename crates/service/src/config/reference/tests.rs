use std::{collections::BTreeSet, fs, path::Path};

use super::*;

/// Every setting, with `x` for a name of one's own, and a value that it can have.
pub(crate) fn settings() -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    walk(|part| {
        if !part.is_section() {
            let example = part.example().cloned().unwrap_or_default();
            settings.push((part.name.replace(OWN_NAME, "x"), example));
        }
    });
    settings
}

/// The table of the documentation.
fn table() -> String {
    let mut text = "| setting | default | meaning |\n|---|---|---|\n".to_owned();
    walk(|part| {
        if part.is_section() {
            return;
        }
        let default = match (part.text(DEFAULT_IN_WORDS), part.default) {
            (Some(words), _) => words.to_owned(),
            (None, Some(Value::Array(list))) if !list.is_empty() => {
                list.iter().map(shown).collect::<Vec<_>>().join(", ")
            }
            (None, Some(value)) if !value.as_array().is_some_and(Vec::is_empty) && value != "" => {
                shown(value)
            }
            _ => "–".to_owned(),
        };
        let _ = writeln!(text, "| `{}` | {default} | {} |", part.name, part.meaning());
    });
    text
}

fn shown(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Whether the file is as the types say. With `CAPYKEYS_WRITE_REFERENCE` set it is made so.
#[expect(clippy::disallowed_methods, reason = "tests are not configured by the service")]
fn assert_written(file: &str, expected: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let found = fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&found);
    if std::env::var_os("CAPYKEYS_WRITE_REFERENCE").is_some() {
        fs::write(&path, &expected).unwrap();
    } else {
        assert!(found == expected, "{file} is not what the types say: run `make reference`");
    }
}

#[test]
fn the_example_in_deploy_is_what_the_types_say() {
    assert_written("deploy/capykeys.example.toml", |_| example());
}

#[test]
fn the_table_in_the_documentation_is_what_the_types_say() {
    assert_written("docs/configuration.md", |found| {
        let (before, rest) = found.split_once("<!-- settings -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end of settings -->").unwrap();
        format!("{before}<!-- settings -->\n{}<!-- end of settings -->{after}", table())
    });
}

#[test]
fn the_example_can_be_used_as_it_is_and_with_everything_in_force() {
    let as_it_is: Config = toml::from_str(&example()).unwrap();
    assert_eq!(toml::to_string(&as_it_is).unwrap(), toml::to_string(&Config::default()).unwrap());
    // A comment has a space behind its `#`, and a setting has none.
    let in_force: String = example().lines().map(line_in_force).collect();
    let in_force: toml::Table =
        toml::from_str(&in_force).unwrap_or_else(|error| panic!("{error}\n{in_force}"));
    let config = in_force.clone().try_into::<Config>().unwrap();
    assert!(config.internal.token.is_some() && config.oidc.contains_key("example"));
    let mut in_it = BTreeSet::new();
    names_in(&toml::Value::Table(in_force), "", &mut in_it);
    for (setting, _) in settings() {
        let name = setting.replace(".x", ".example");
        assert!(in_it.contains(&name) || name.ends_with(".example"), "{name} is not in the example");
    }
}

fn line_in_force(line: &str) -> String {
    let line = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
    format!("{line}\n")
}

fn names_in(value: &toml::Value, name: &str, names: &mut BTreeSet<String>) {
    names.insert(name.to_owned());
    for (key, value) in value.as_table().into_iter().flatten() {
        names_in(value, &below(name, key), names);
    }
}

#[test]
fn every_setting_says_what_it_means_and_has_a_default_or_an_example() {
    walk(|part| {
        let in_map = part.name.ends_with(OWN_NAME);
        assert!(!part.meaning().is_empty() || in_map, "{} is not explained", part.name);
        assert!(!part.meaning().contains('|'), "{} would break the table", part.name);
        if !part.is_section() && !in_map {
            let example = part.example();
            assert!(example.is_some(), "{} has neither a default nor an example", part.name);
            assert!(example.is_some_and(|value| value != ""), "{} has an empty example", part.name);
        }
    });
}

#[test]
fn the_schema_knows_no_null_and_nothing_of_this_machine() {
    let text = schema().to_string();
    assert!(!text.contains("\"null\""), "{text}");
    assert!(schema()["properties"]["server"]["properties"]["workers"].get("default").is_none());
    assert_eq!(schema()["properties"]["server"]["additionalProperties"], false);
}
