use std::collections::HashMap;

use capykeys_redb::Redb;

use super::*;
use crate::config::{OURS, StoreKind};

fn load(variables: &[(&str, &str)]) -> Result<Config, String> {
    let named = variables.iter().map(|(name, value)| (format!("CAPYKEYS_{name}"), (*value).to_owned()));
    let kinds = [StoreKind::of::<Redb>("redb")];
    Config::layered(None, named.collect::<HashMap<_, _>>(), &kinds).map_err(|error| error.to_string())
}

#[test]
fn a_store_that_the_program_brings_is_chosen_by_its_name_and_reads_its_section() {
    let config = load(&[("_STORE__KIND", "redb"), ("_REDB__DIRECTORY", "elsewhere")]).unwrap();
    let backend = configured(&config).unwrap();
    assert_eq!(backend.name(), "redb");
    assert_eq!(backend.embedded().unwrap().directory, std::path::Path::new("elsewhere"));
    let printed = toml::to_string_pretty(&config.own_store.as_ref().unwrap().section).unwrap();
    assert_eq!(printed, "[redb]\ndirectory = \"elsewhere\"\n");
    assert!(load(&[("_STORE__KIND", "redb")]).is_ok());
    assert_eq!(configured(&load(&[]).unwrap()).unwrap().name(), "SQLite");
}

#[test]
fn what_is_wrong_with_its_section_is_told_by_the_name_of_the_setting() {
    let chosen = ("_STORE__KIND", "redb");
    for (variables, told) in [
        (&[chosen, ("_REDB__DIRECTROY", "hush")][..], "directroy"),
        (&[chosen, ("_REDB__FIRST_KEY_FILE__X", "hush")], "`redb.first_key_file` must be"),
        (&[chosen, ("_REDB", "hush")], "`redb` must be a section with settings of its own"),
        (&[chosen, ("_REDB__DIRECTORY", "${hush}")], "`redb.directory` has a variable in it"),
        (&[chosen, ("REDB_DIRECTORY", "hush")], "two underscores"),
        (&[("_REDB__DIRECTORY", "hush")], "`redb` is set, so `store.kind` must be `redb`"),
        (&[("_STORE__KIND", "hush")], "`store.kind` must be one of `sqlite`, `postgres`, `redb`"),
    ] {
        let error = load(variables).unwrap_err();
        assert!(error.contains(told) && !error.contains("hush"), "{error}");
    }
    let config = load(&[chosen, ("_SQLITE__FIRST_KEY_FILE", "first.key")]).unwrap();
    let error = configured(&config).err().unwrap().to_string();
    assert!(error.contains("`sqlite.first_key_file` is set"), "{error}");
}

#[test]
fn settings_of_another_store_are_refused_by_their_name() {
    let mut config = Config::default();
    config.postgres.url_file = Some("url".into());
    let refused = configured(&config).err().unwrap().to_string();
    assert!(refused.contains("`postgres.url` is set, so `store.kind` must be `postgres`"), "{refused}");
    let mut config = Config::default();
    config.store.kind = "postgres".to_owned();
    config.sqlite.first_key_file = Some("first.key".into());
    let refused = configured(&config).err().unwrap().to_string();
    assert!(refused.contains("`sqlite.first_key_file` is set"), "{refused}");
}

#[test]
fn a_kind_that_nothing_opens_is_refused_and_each_of_ours_is_opened() {
    let of_kind = |kind: &str| {
        let mut config = Config::default();
        config.store.kind = kind.to_owned();
        configured(&config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(of_kind("third").contains("no store is of the kind that `store.kind` names"));
    for kind in OURS {
        assert!(!of_kind(kind).contains("no store"), "{kind}");
    }
}
