//! `limit`, `cursor` and `Link`.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use capykeys_tests::{Answer, Store, Tenant, on_every_store, tenant::keys_in};

on_every_store![
    pages_put_together_are_the_whole_list,
    a_page_that_holds_the_rest_names_no_next_one,
    pages_neither_repeat_nor_omit_a_key_while_others_are_created,
    a_cursor_goes_on_where_it_stood,
    limits_and_cursors_that_are_none_are_refused,
    a_limit_or_a_cursor_without_a_value_is_left_out,
];

/// The address of the next page, as RFC 8288 writes it: a query, which holds wherever a proxy serves
/// the API.
fn next_page(acme: &Tenant<'_>, answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, parameters) = link.strip_prefix('<')?.split_once('>').expect("a target between < and >");
    assert_eq!(parameters.replace(' ', ""), ";rel=\"next\"", "{link}");
    assert!(target.starts_with('?'), "{link}");
    Some(format!("{}{target}", acme.keys_path()))
}

fn pages(acme: &Tenant<'_>, first: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = Some(first.to_owned());
    while let Some(this) = path {
        let answer = acme.server.get(&this).bearer(&acme.admin).send();
        pages.push(keys_in(&answer).iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect());
        path = next_page(acme, &answer);
        assert!(pages.len() < 200, "the pages do not end");
    }
    pages
}

fn whole_list(acme: &Tenant<'_>) -> Vec<String> {
    acme.list().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

fn with_keys(store: Store, count: usize) -> Tenant<'static> {
    let acme = store.tenant();
    (1..count).for_each(|_| drop(acme.key_with(&["jobs:read"])));
    acme
}

fn pages_put_together_are_the_whole_list(store: Store) {
    let acme = with_keys(store, 23);
    for limit in [1, 2, 7, 22, 23, 24, 1_000] {
        let pages = pages(&acme, &format!("{}?limit={limit}", acme.keys_path()));
        assert!(pages.iter().all(|page| page.len() <= limit), "limit {limit}");
        assert_eq!(pages.len(), 23_usize.div_ceil(limit), "limit {limit}");
        assert_eq!(pages.concat(), whole_list(&acme), "limit {limit}");
    }
}

fn a_page_that_holds_the_rest_names_no_next_one(store: Store) {
    let acme = with_keys(store, 3);
    for (limit, next) in [(2, true), (3, false), (4, false)] {
        let answer =
            acme.server.get(&format!("{}?limit={limit}", acme.keys_path())).bearer(&acme.admin).send();
        assert_eq!(answer.header("link").is_some(), next, "limit {limit}");
    }
}

fn pages_neither_repeat_nor_omit_a_key_while_others_are_created(store: Store) {
    let acme = with_keys(store, 40);
    let before = whole_list(&acme);
    let paged = AtomicBool::new(false);
    let collected = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !paged.load(Ordering::Relaxed) {
                    acme.key_with(&["jobs:read"]);
                }
            });
        }
        let collected = pages(&acme, &format!("{}?limit=3", acme.keys_path())).concat();
        paged.store(true, Ordering::Relaxed);
        collected
    });
    let distinct: HashSet<_> = collected.iter().collect();
    assert_eq!(distinct.len(), collected.len(), "a key came twice");
    assert!(before.iter().all(|id| distinct.contains(id)), "a key was left out");
    assert!(collected.is_sorted_by(|newer, older| newer > older), "not newest first");
}

fn a_cursor_goes_on_where_it_stood(store: Store) {
    let acme = with_keys(store, 12);
    let first = acme.server.get(&format!("{}?limit=5", acme.keys_path())).bearer(&acme.admin).send();
    let next = next_page(&acme, &first).expect("a next page");
    let created = acme.key_with(&["jobs:read"]);
    acme.revoke(keys_in(&first)[4]["id"].as_str().unwrap());
    let rest = pages(&acme, &next).concat();
    assert_eq!(rest.len(), 7);
    assert_eq!(rest, whole_list(&acme)[6..]);
    assert!(!rest.contains(&created.id().to_owned()));
    // A cursor without a limit gives all the rest.
    let query = next.split_once('?').unwrap().1;
    let cursor = query.split('&').find(|part| part.starts_with("cursor=")).expect("a cursor");
    assert_eq!(pages(&acme, &format!("{}?{cursor}", acme.keys_path())).concat(), rest);
}

fn limits_and_cursors_that_are_none_are_refused(store: Store) {
    let acme = store.tenant();
    let long = "c".repeat(5_000);
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1.5",
        "limit=abc",
        "limit=99999999999999999999",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=key_",
        "cursor=%00",
        "cursor=%ff",
        &format!("cursor={long}"),
    ] {
        let answer = acme.server.get(&format!("{}?{query}", acme.keys_path())).bearer(&acme.admin).send();
        let sentence = answer.error(400);
        let field = query.split('=').next().unwrap();
        assert!(
            sentence.contains(field) || query.contains('%') || query.contains('&'),
            "{query:.40}: {sentence}"
        );
    }
    acme.server.get(&format!("{}?colour=red", acme.keys_path())).bearer(&acme.admin).send().expect(200);
}

/// Generated clients send them for what was not set.
fn a_limit_or_a_cursor_without_a_value_is_left_out(store: Store) {
    let acme = with_keys(store, 3);
    let get = |query: &str| {
        let answer = acme.server.get(&format!("{}?{query}", acme.keys_path())).bearer(&acme.admin).send();
        (keys_in(&answer).len(), answer.header("link").is_some())
    };
    for query in ["limit=", "cursor=", "limit=&cursor=", "limit", "cursor=&limit"] {
        assert_eq!(get(query), (3, false), "{query}");
    }
    assert_eq!(get("limit=2&cursor="), (2, true));
}
