//! How often the database is asked.

use super::{PATIENT, Statements, all_accepted, plaintexts, verdicts};
use crate::scene::{On, Route, Scene};
use capykeys_tests::on_one_store;

on_one_store![postgresql: a_key_that_is_not_known_costs_one_statement_and_one_that_is_costs_none];

const KEYS: i64 = 50;
const TIMES: usize = 40;

fn a_key_that_is_not_known_costs_one_statement_and_one_that_is_costs_none() {
    let scene = Scene::with(Route::Direct, On::Shared, &[], PATIENT);
    let statements = Statements::of(&scene);
    let keys = plaintexts(&scene, KEYS.unsigned_abs().try_into().expect("few"));
    // So that there is a connection already.
    verdicts(&scene, &plaintexts(&scene, 1));

    let (cold, sent) = statements.during(|| verdicts(&scene, &keys));
    assert!(all_accepted(&cold), "{cold:?}");
    println!("cost: | SQL statements per cold verification | {} / {KEYS} |", sent.count());
    assert_eq!(sent.count(), KEYS, "{sent:?}");

    let ((), sent) = statements.during(|| {
        for _ in 0..TIMES {
            let warm = verdicts(&scene, &keys);
            assert!(all_accepted(&warm), "{warm:?}");
        }
    });
    println!("cost: | SQL statements per warm verification | {} / {} |", sent.count(), TIMES * keys.len());
    assert_eq!(sent.count(), 0, "{sent:?}");
}
