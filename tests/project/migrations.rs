//! What every migration must say and be, in both stores.

use std::{collections::BTreeMap, fs, path::Path};

use capykeys_migrations::Migration;

/// The last that came before the rules.
const LAST_WITHOUT: i32 = 6;

/// The migrations in the folder of an adapter, by their version.
fn files(adapter: &str) -> BTreeMap<i32, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/{adapter}/migrations"));
    let files = fs::read_dir(folder).expect("a folder that can be read").map(|entry| {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let (version, name) = stem.split_once("__").unwrap_or_else(|| panic!("no `V7__name.sql`: {stem}"));
        let version = version.strip_prefix('V').and_then(|version| version.parse().ok()).expect("a version");
        (version, (name.to_owned(), fs::read_to_string(&path).expect("a migration")))
    });
    files.collect()
}

#[test]
fn both_stores_have_migrations_of_the_same_numbers_and_names() {
    let names = |adapter| files(adapter).into_iter().map(|(version, (name, _))| (version, name)).collect();
    let (postgres, sqlite): (Vec<_>, Vec<_>) = (names("postgres"), names("sqlite"));
    assert_eq!(postgres, sqlite);
}

#[test]
fn every_migration_says_which_schema_may_go_on_after_it() {
    for adapter in ["postgres", "sqlite"] {
        for (version, (name, sql)) in files(adapter).split_off(&(LAST_WITHOUT + 1)) {
            // What it says is found whatever its number is, and else is its number.
            let said = |version| Migration::new(version, "one", sql.clone().leak()).oldest_schema();
            assert_eq!(said(version), said(i32::MAX), "{adapter}: `-- oldest schema: …` is not in {name}");
            assert!((LAST_WITHOUT..=version).contains(&said(version)), "{adapter}: {name}");
        }
    }
}
