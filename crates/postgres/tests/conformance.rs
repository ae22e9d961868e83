//! The PostgreSQL adapter is what every storage adapter must be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "the databases of the adapter's own tests are on the newest schema")]
mod support;

use capykeys_conformance::Store;
use capykeys_postgres::{MIGRATIONS, OLDEST_SCHEMA, migrate_with};
use capykeys_testkit::shared;
use tokio::sync::OnceCell;

capykeys_conformance::conformance_suite!(fresh);

/// On the oldest schema that the adapter works with. The end-to-end tests are on the newest.
async fn fresh() -> Store {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(|| async {
        let name = shared().create_database();
        let needed = MIGRATIONS.iter().filter(|migration| migration.version() <= OLDEST_SCHEMA);
        let settings = support::patient(shared().url(&name));
        migrate_with(&settings, &needed.copied().collect::<Vec<_>>()).await.unwrap();
        name
    });
    let database = shared().create_database_from(template.await);
    let store = support::store(&support::patient(shared().url(&database)));
    // The plans of the statements are looked at in `adapter/plans.rs`.
    Store::new(store, ()).reads_are_tested_elsewhere().spoiled_by(move |id, text| {
        let spoil = format!(
            "ALTER TABLE api_keys DROP CONSTRAINT IF EXISTS api_keys_scopes_check; \
             UPDATE api_keys SET scopes = ARRAY['{text}'] WHERE id = '{}'",
            id.uuid()
        );
        shared().execute(&database, &spoil);
    })
}
