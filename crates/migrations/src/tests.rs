use proptest::prelude::*;

use super::*;

/// Migrations 1 to `last`.
fn up_to(last: i32) -> Vec<Migration> {
    (1..=last).map(|version| Migration::new(version, "known", "")).collect()
}

fn applied(migration: &Migration) -> Applied {
    Applied {
        version: migration.version,
        oldest_schema: migration.oldest_schema(),
        checksum: migration.checksum(),
    }
}

fn all(migrations: &[Migration]) -> Vec<Applied> {
    migrations.iter().map(applied).collect()
}

/// One that is known nowhere.
fn later(version: i32, oldest_schema: i32) -> Applied {
    Applied { version, oldest_schema, checksum: String::new() }
}

/// As they stand in databases of programs with refinery.
#[test]
fn checksums_are_those_that_are_recorded() {
    let [replicas, operators] = [
        Migration::new(4, "replicas", include_str!("../../sqlite/migrations/V4__replicas.sql")),
        Migration::new(6, "operators", include_str!("../../sqlite/migrations/V6__operators.sql")),
    ];
    assert_eq!(replicas.checksum(), "13353121330652363314");
    assert_eq!(operators.checksum(), "17611563680902356600");
}

#[test]
fn a_program_without_one_migration_does_not_know_the_schemas_after_it() {
    let known: Vec<_> = up_to(8).into_iter().filter(|migration| migration.version != 7).collect();
    for (oldest_schema, outcome) in [(6, Ok(())), (7, Err(Misfit::Newer(7))), (8, Err(Misfit::Newer(7)))] {
        let applied = [all(&known), vec![later(7, oldest_schema)]].concat();
        assert_eq!(fits(&known, 8, &applied), outcome, "{oldest_schema}");
        assert_eq!(pending(&known, &applied).map(|pending| pending.len()), outcome.map(|()| 0));
    }
}

#[test]
fn a_migration_is_recorded_where_programs_look_that_may_not_work_on_it() {
    for (version, oldest, of_refinery, own) in [
        (6, 1, true, false),
        (7, 6, false, true),
        (7, 7, true, true),
        (9, 6, false, true),
        (9, 8, true, true),
    ] {
        let sql = Box::leak(format!("-- oldest schema: {oldest}\nSELECT 1").into_boxed_str());
        let script = Migration::new(version, "one", sql).script("now()");
        assert_eq!(script.contains("INTO refinery_schema_history"), of_refinery, "{script}");
        assert_eq!(script.contains("INTO capykeys_schema"), own, "{script}");
    }
}

#[test]
fn a_database_that_was_never_migrated_fits_nobody() {
    assert_eq!(fits(&up_to(3), 0, &[]), Err(Misfit::NotMigrated));
}

#[test]
fn a_migration_that_was_changed_is_noticed_by_name() {
    let known = up_to(3);
    let mut applied = all(&known);
    applied[1].checksum = "1".to_owned();
    let changed = Misfit::Divergent("V2__known".to_owned());
    assert_eq!(pending(&known, &applied).map(|pending| pending.len()), Err(changed));
}

proptest! {
    #[test]
    fn the_oldest_schema_is_what_the_head_says(
        before in "(-- [a-z ]{0,20}\n){0,3}", oldest: u16, after in "(-- [a-z ]{0,20}\n){0,3}"
    ) {
        let said = format!("-- oldest schema: {oldest}\n");
        let oldest = i32::from(oldest);
        let of = |sql: String| Migration::new(70_000, "one", Box::leak(sql.into_boxed_str())).oldest_schema();
        prop_assert_eq!(of(format!("{before}{said}{after}SELECT 1;\n")), oldest);
        prop_assert_eq!(of(format!("{before}{after}SELECT 1;\n{said}")), 70_000);
        prop_assert_eq!(of(format!("{before}{after}SELECT 1;\n")), 70_000);
    }

    /// What is no number is not said.
    #[test]
    fn any_head_is_read(said in "[^\n]{0,12}") {
        let sql = Box::leak(format!("-- oldest schema: {said}\nSELECT 1;\n").into_boxed_str());
        prop_assert_eq!(Migration::new(9, "one", sql).oldest_schema(), said.parse().unwrap_or(9));
    }

    #[test]
    fn a_program_goes_on_after_a_later_migration_that_its_schema_is_new_enough_for(
        schema in 1..20, later_than in 1..20, oldest_schema in 0..40
    ) {
        let known = up_to(schema);
        let version = schema + later_than;
        let applied = [all(&known), vec![later(version, oldest_schema)]].concat();
        let outcome = if oldest_schema <= schema { Ok(()) } else { Err(Misfit::Newer(version)) };
        prop_assert_eq!(fits(&known, schema, &applied), outcome.clone());
        prop_assert_eq!(pending(&known, &applied).map(|pending| pending.len()), outcome.map(|()| 0));
    }

    #[test]
    fn what_was_not_applied_is_pending_whatever_came_later(have in proptest::collection::vec(any::<bool>(), 1..12)) {
        let known = up_to(i32::try_from(have.len()).unwrap());
        let chosen = |wanted| {
            let one = move |(migration, have): (&Migration, &bool)| (*have == wanted).then_some(*migration);
            known.iter().zip(&have).filter_map(one).collect::<Vec<_>>()
        };
        let applied = all(&chosen(true));
        let versions = |migrations: Vec<&Migration>| {
            migrations.into_iter().map(Migration::version).collect::<Vec<_>>()
        };
        let missing = chosen(false);
        prop_assert_eq!(versions(pending(&known, &applied).unwrap()), versions(missing.iter().collect()));

        for needed in 0..=i32::try_from(have.len()).unwrap() {
            let outcome = match missing.first() {
                _ if applied.is_empty() => Err(Misfit::NotMigrated),
                Some(first) if first.version <= needed => Err(Misfit::Outdated),
                _ => Ok(()),
            };
            prop_assert_eq!(fits(&known, needed, &applied), outcome);
        }
    }
}
