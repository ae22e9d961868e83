//! What every migration must say, in both stores.

use std::{fs, path::Path};

use capykeys_migrations::Migration;

/// The last that came before the rule.
const LAST_WITHOUT: i32 = 6;

#[test]
fn every_migration_says_which_schema_may_go_on_after_it() {
    for adapter in ["postgres", "sqlite"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/{adapter}/migrations"));
        for entry in fs::read_dir(folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let version = name.strip_prefix('V').and_then(|name| name.split_once("__")?.0.parse().ok());
            let version = version.unwrap_or_else(|| panic!("no `V7__name.sql`: {name}"));
            let sql = fs::read_to_string(&path).expect("a migration").leak();
            // One that does not say it allows for its own version alone, whatever that is.
            let says = |version| Migration::new(version, "one", sql).oldest_schema();
            let is_said =
                says(version) == says(i32::MAX) && (LAST_WITHOUT..=version).contains(&says(version));
            assert!(version <= LAST_WITHOUT || is_said, "{adapter}: no `-- oldest schema: N` heads {name}");
        }
    }
}
