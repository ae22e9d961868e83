//! What a random sequence is made of.

use capykeys_domain::{model::KeyName, ports::Limit};
use proptest::prelude::*;

/// One step; the numbers choose from the few things of a [`World`], so that steps meet.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    CreateOrganization { organization: usize, clerk: Option<usize> },
    Suspend { organization: usize, micros: i64 },
    Resume { organization: usize, micros: i64 },
    Rename { organization: usize, name: Option<String>, clerk_slug: Option<String>, micros: i64 },
    Insert(Insert),
    Revoke { organization: usize, key: usize, micros: i64 },
    Change(Change),
    Use { uses: Vec<(usize, i64, bool)> },
    Find { organization: usize, key: usize },
    List { organization: usize, before: Option<usize>, limit: Limit },
    Lookup { digests: Vec<usize> },
    Deny { organization: usize, micros: i64 },
    Events { organization: usize, limit: Limit },
}

/// A key to be inserted.
#[derive(Clone, Debug)]
pub(crate) struct Insert {
    pub(crate) organization: usize,
    pub(crate) key: usize,
    pub(crate) digest: usize,
    pub(crate) name: String,
    pub(crate) scopes: &'static [&'static str],
    pub(crate) project: bool,
    pub(crate) expires: Option<i64>,
    pub(crate) creator: By,
}

/// A change of what is stored, if anything is.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) organization: usize,
    pub(crate) key: usize,
    pub(crate) scopes: Option<&'static [&'static str]>,
    pub(crate) expires: Option<i64>,
    pub(crate) disable: bool,
    pub(crate) by: Option<By>,
    pub(crate) rotation: Option<Rotate>,
    pub(crate) micros: i64,
}

/// Another secret for it.
#[derive(Clone, Debug)]
pub(crate) struct Rotate {
    pub(crate) digest: usize,
    pub(crate) until: i64,
    pub(crate) keeps_previous: bool,
}

/// By whose right.
#[derive(Clone, Debug)]
pub(crate) enum By {
    Key(usize),
    Session(usize),
    Operator,
}

/// Of each what a creator may hold: all, enough to create, and not even that.
pub(crate) const SCOPES: [&[&str]; 4] =
    [&["*"], &["api_keys:write"], &["jobs:read", "api_keys:write"], &["jobs:read"]];

pub(crate) const ORGANIZATIONS: usize = 4;
pub(crate) const KEYS: usize = 8;
pub(crate) const DIGESTS: usize = 8;

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let organization = || 0..ORGANIZATIONS;
    let limit = || (1..12_u16).prop_map(|limit| Limit::new(limit).expect("a limit"));
    let micros = || 0..50_i64;
    let name = "\\PC{1,200}".prop_filter("a name", |name| KeyName::parse(name).is_ok());
    let by = || {
        prop_oneof![
            4 => (0..KEYS).prop_map(By::Key),
            2 => (0..2_usize).prop_map(By::Session),
            4 => Just(By::Operator),
        ]
    };
    let change = (
        organization(),
        0..KEYS,
        proptest::option::of(proptest::sample::select(&SCOPES)),
        proptest::option::of(micros()),
        proptest::bool::ANY,
        proptest::option::of(by()),
        proptest::option::of((0..DIGESTS, micros(), proptest::bool::ANY)),
        micros(),
    );
    let insert = (
        organization(),
        0..KEYS,
        0..DIGESTS,
        name.clone(),
        proptest::sample::select(&SCOPES),
        proptest::bool::weighted(0.1),
        proptest::option::of(micros()),
        by(),
    );
    let step = prop_oneof![
        2 => (organization(), proptest::option::of(0..2_usize))
            .prop_map(|(organization, clerk)| Step::CreateOrganization { organization, clerk }),
        1 => (organization(), micros()).prop_map(|(organization, micros)| Step::Suspend { organization, micros }),
        1 => (organization(), micros()).prop_map(|(organization, micros)| Step::Resume { organization, micros }),
        1 => (organization(), proptest::option::of(name.clone()), proptest::option::of("[a-z]{1,2}"), micros())
            .prop_map(|(organization, name, clerk_slug, micros)| {
                Step::Rename { organization, name, clerk_slug, micros }
            }),
        6 => insert.prop_map(|(organization, key, digest, name, scopes, project, expires, creator)| {
            Step::Insert(Insert { organization, key, digest, name, scopes, project, expires, creator })
        }),
        3 => (organization(), 0..KEYS, micros())
            .prop_map(|(organization, key, micros)| Step::Revoke { organization, key, micros }),
        4 => change.prop_map(|(organization, key, scopes, expires, disable, by, rotation, micros)| {
            let rotation = rotation.map(|(digest, until, keeps_previous)| Rotate { digest, until, keeps_previous });
            Step::Change(Change { organization, key, scopes, expires, disable, by, rotation, micros })
        }),
        2 => proptest::collection::vec((0..KEYS, micros(), proptest::bool::ANY), 0..6).prop_map(|uses| Step::Use { uses }),
        2 => (organization(), 0..KEYS).prop_map(|(organization, key)| Step::Find { organization, key }),
        3 => (organization(), proptest::option::of(0..KEYS), limit())
            .prop_map(|(organization, before, limit)| Step::List { organization, before, limit }),
        3 => proptest::collection::vec(0..DIGESTS, 0..3).prop_map(|digests| Step::Lookup { digests }),
        1 => (organization(), micros()).prop_map(|(organization, micros)| Step::Deny { organization, micros }),
        2 => (organization(), limit()).prop_map(|(organization, limit)| Step::Events { organization, limit }),
    ];
    proptest::collection::vec(step, 1..60)
}
