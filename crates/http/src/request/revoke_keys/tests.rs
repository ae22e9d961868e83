use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ID: &str = "key_01h455vb4pex5vsknk084sn02q";

fn parse(body: &str) -> Result<Revocations, String> {
    Revocations::parse(body.as_bytes(), &KeyFormat::default(), Timestamp::MIN)
        .map_err(|error| error.to_string())
}

fn refusal(body: &Value) -> String {
    parse(&body.to_string()).unwrap_err()
}

#[test]
fn an_id_that_is_named_twice_is_one() {
    let asked = parse(&json!({ "ids": [ID, ID] }).to_string()).unwrap();
    let ids = BTreeSet::from([KeyId::parse(ID).unwrap()]);
    assert_eq!(asked, Revocations { chosen: Chosen::Ids(ids), dry_run: false });
    assert!(parse(&json!({ "ids": [ID], "dry_run": true }).to_string()).unwrap().dry_run);
    assert!(parse(&json!({ "ids": vec![ID; 1_000] }).to_string()).is_ok());
}

#[test]
fn every_filter_of_the_list_is_read() {
    let values =
        ["revoked", "p1", "cli", "*", "user_1", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", " CI"];
    for (name, value) in FILTERS.into_iter().zip(values) {
        let asked = parse(&json!({ "filter": { name: value } }).to_string()).unwrap();
        let Chosen::Filter(filter) = asked.chosen else { panic!("{name} is no filter") };
        assert_ne!(filter, KeyFilter::default(), "{name}");
        let empty = refusal(&json!({ "filter": { name: "" } }));
        assert!(empty.starts_with(&format!("`filter.{name}` must ")), "{empty}");
        let wrong = refusal(&json!({ "filter": { name: null } }));
        assert_eq!(wrong, format!("`filter.{name}` must be a string."));
    }
}

/// A slip must never revoke more than was meant.
#[test]
fn what_is_not_known_is_refused_and_not_left_out() {
    for body in [
        json!({ "ids": [ID], "dryrun": true }),
        json!({ "ids": [ID], "hush": null }),
        json!({ "filter": { "project": "p1" } }),
        json!({ "filter": { "status": "active", "hush": 1 } }),
    ] {
        let sentence = refusal(&body);
        assert!(sentence.contains("no other members") && !sentence.contains("hush"), "{sentence}");
    }
    let either = "The body must have either `ids` or a `filter`.";
    for body in
        [json!({}), json!({ "dry_run": true }), json!({ "ids": [ID], "filter": { "status": "active" } })]
    {
        assert_eq!(refusal(&body), either);
    }
    let all = "`filter` must have a member: without one it would be of all keys.";
    assert_eq!(refusal(&json!({ "filter": {} })), all);
    let twice = parse(r#"{"filter":{"status":"expired","status":"active"}}"#).unwrap_err();
    assert_eq!(twice, "The body must not name a member twice.");
}

#[test]
fn a_broken_rule_is_named_without_the_value() {
    let key = "capy_live_000000000000000000000000000000003UFVO5";
    for (body, sentence) in [
        (json!({ "ids": [] }), "`ids` must have 1 to 1000 items."),
        (json!({ "ids": vec![ID; 1_001] }), "`ids` must have 1 to 1000 items."),
        (json!({ "ids": [ID, key] }), "`ids[1]` must be the id of an API key."),
        (json!({ "ids": ["org_01h455vb4pex5vsknk084sn02q"] }), "`ids[0]` must be the id of an API key."),
        (json!({ "ids": [ID, 1] }), "`ids[1]` must be a string."),
        (json!({ "ids": ID }), "`ids` must be an array of strings."),
        (json!({ "ids": null }), "`ids` must be an array of strings."),
        (json!({ "filter": [] }), "`filter` must be an object."),
        (json!({ "filter": null }), "`filter` must be an object."),
        (json!({ "ids": [ID], "dry_run": null }), "`dry_run` must be a boolean."),
        (json!({ "ids": [ID], "dry_run": "true" }), "`dry_run` must be a boolean."),
        (json!({ "filter": { "name": key } }), "`filter.name` must not contain an API key."),
        (
            json!({ "filter": { "created_by": "hush" } }),
            "`filter.created_by` must be the id of a user, which begins with user_, or of a key, which begins with key_.",
        ),
    ] {
        assert_eq!(refusal(&body), sentence, "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body: Vec<u8>, text: String) {
        let _ = Revocations::parse(&body, &KeyFormat::default(), Timestamp::MAX);
        for name in FILTERS {
            let _ = parse(&json!({ "filter": { name: text } }).to_string());
        }
        let _ = parse(&json!({ "ids": [text] }).to_string());
    }

    /// Whatever stands in a body that is taken, it names a key or says something of each that it is about.
    #[test]
    fn nothing_is_taken_that_is_of_all_keys(
        ids in proptest::option::of(proptest::collection::vec("key_[0-7][0-9a-hjkmnp-tv-z]{25}|\\PC{0,9}", 0..4)),
        filter in proptest::option::of(proptest::collection::hash_map("status|name|scope|\\PC{0,4}", "active|\\PC{0,4}", 0..3)),
        dry_run in proptest::option::of(proptest::bool::ANY),
    ) {
        let members = [("ids", json!(ids)), ("filter", json!(filter)), ("dry_run", json!(dry_run))];
        let body: Value = members.into_iter().filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into();
        if let Ok(asked) = parse(&body.to_string()) {
            prop_assert_eq!(asked.dry_run, dry_run.unwrap_or_default());
            match asked.chosen {
                Chosen::Ids(named) => {
                    let distinct: BTreeSet<_> = ids.into_iter().flatten().collect();
                    prop_assert_eq!((filter, named.len()), (None, distinct.len()));
                }
                Chosen::Filter(read) => {
                    prop_assert!(ids.is_none() && read != KeyFilter::default());
                    let members = filter.unwrap_or_default();
                    prop_assert_eq!(read.state.is_some(), members.contains_key("status"));
                    prop_assert_eq!(read.name.is_some(), members.contains_key("name"));
                    prop_assert_eq!(read.scope.is_some(), members.contains_key("scope"));
                }
            }
        }
    }
}
