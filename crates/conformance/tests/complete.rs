//! No case is left out of the suite.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeSet, fs, path::Path};

macro_rules! names {
    (() $($group:ident: $case:ident;)*) => { [$(concat!(stringify!($group), "::", stringify!($case)),)*] };
}

#[test]
fn every_case_is_listed_once_and_every_listed_case_exists() {
    let listed = capykeys_conformance::for_each_case!([names],);
    let listed_once: BTreeSet<String> = listed.iter().map(ToString::to_string).collect();
    assert_eq!(listed_once.len(), listed.len(), "a case is listed twice");
    assert_eq!(written(), listed_once);
}

/// `group::case` for every `pub async fn` in `src/cases`.
fn written() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
    let mut cases = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let group = path.file_stem().unwrap().to_string_lossy().into_owned();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(rest) = line.strip_prefix("pub async fn ") {
                cases.insert(format!("{group}::{}", rest.split('(').next().unwrap()));
            }
        }
    }
    cases
}
