//! The policy over its whole matrix: every caller × every operation × own, other, malformed and
//! suspended organization × own, other and malformed key × every set of scopes that matters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use capykeys_conformance::fixtures::{SCOPES, at, key, organization, scopes};
use capykeys_domain::{
    model::{
        ApiKey, Caller, ExternalOrganizationId, KeyCaller, KeyId, KeyName, KeySource, KeySpec, Organization,
        OrganizationId, ProjectId, Role, ScopeSet, Session, SessionCaller, SessionOrganization, Suspension,
        UserId,
    },
    policy::{
        self, CreateKey, Denial, DisableKey, EnableKey, FinishRotation, Forbidden, GetKey, GetOrganization,
        ListKeys, Permit, RevokeKey, RevokeKeys, RevokeLineage, RotateKey, Target, UpdateKey,
    },
};

/// What a caller may do in its own organization, as the contract's table says.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a row of a table")]
struct Row {
    list: bool,
    create: bool,
    revoke_itself: bool,
    revoke_another: bool,
}

const NOTHING: Row = Row { list: false, create: false, revoke_itself: false, revoke_another: false };

/// Every subset of the scopes that the policy looks at, with one that it does not look at.
fn scope_sets() -> Vec<Vec<&'static str>> {
    let relevant = ["api_keys:read", "api_keys:write", "*"];
    let subset = |bits: u32| {
        let chosen = relevant.iter().enumerate().filter(move |(index, _)| bits & (1 << index) != 0);
        chosen.map(|(_, &scope)| scope).chain(["jobs:read"]).collect()
    };
    let others = SCOPES.into_iter().filter(|scope| !relevant.contains(scope)).collect();
    (0..8).map(subset).chain([others, SCOPES.to_vec()]).collect()
}

fn api_key(organization: &Organization, held: &[&str], project: bool) -> ApiKey {
    let mut key = key(organization.id, at(1)).key;
    key.scopes = scopes(held);
    key.project_id = project.then(|| ProjectId::parse("p1").unwrap());
    key
}

fn session(organization: Option<&Organization>, role: &str, impersonated: bool) -> Caller {
    let at_clerk = SessionOrganization {
        id: ExternalOrganizationId::parse("org_2abc").unwrap(),
        roles: vec![Role::parse(role).unwrap()],
        slug: None,
    };
    let session =
        Session { user_id: UserId::parse("user_2abc").unwrap(), organization: Some(at_clerk), impersonated };
    Caller::Session(SessionCaller {
        session,
        organization: organization.cloned(),
        scopes: ScopeSet::default(),
    })
}

/// Every caller of the organization, with its row of the contract's table.
fn callers(organization: &Organization) -> Vec<(Caller, Row)> {
    let mut callers = Vec::new();
    for held in scope_sets() {
        let has = |scope| held.contains(&scope) || held.contains(&"*");
        let (list, write) = (has("api_keys:read"), has("api_keys:write"));
        let whole = Row { list, create: write, revoke_itself: true, revoke_another: write };
        let of_a_project = Row { revoke_itself: true, ..NOTHING };
        for (project, row) in [(false, whole), (true, of_a_project)] {
            let key = api_key(organization, &held, project);
            for with_previous in [false, true] {
                let (key, organization) = (key.clone(), organization.clone());
                callers.push((Caller::Key(KeyCaller { key, organization, with_previous }), row));
            }
        }
    }
    let reader = Row { list: true, ..NOTHING };
    let admin = Row { list: true, create: true, revoke_itself: true, revoke_another: true };
    for role in ["org:member", "member", "org:billing", "Admin", "org:org:admin"] {
        callers.push((session(Some(organization), role, false), reader));
        callers.push((session(Some(organization), role, true), reader));
    }
    for role in ["org:admin", "admin"] {
        callers.push((session(Some(organization), role, false), admin));
        callers.push((session(Some(organization), role, true), reader));
    }
    callers
}

/// The id of the caller's own key; a session has none, so any will do.
fn own_key(caller: &Caller) -> KeyId {
    match caller {
        Caller::Key(caller) => caller.key.id,
        Caller::Session(_) => KeyId::new(at(3), [3; 8]),
    }
}

fn to_create(caller: &Caller, organization: OrganizationId) -> Permit<CreateKey> {
    policy::permit(caller, Target { organization: Some(organization), key: None }).unwrap()
}

type Answers = [Result<(), Denial>; 22];

/// What the policy says to get the organization, list, get itself, get a malformed id, create, revoke itself, revoke
/// another key, revoke a malformed id, revoke many, revoke itself and another with what they have made, and of the ways to
/// change a key each with itself and another or a malformed one, and to rotate and finish.
fn answers(caller: &Caller, target: Option<OrganizationId>) -> Answers {
    let another = KeyId::new(at(2), [2; 8]);
    let to = |key| Target { organization: target, key };
    let revoke = |key| policy::permit::<RevokeKey>(caller, to(key)).map(drop);
    [
        policy::permit::<GetOrganization>(caller, to(None)).map(drop),
        policy::permit::<ListKeys>(caller, to(None)).map(drop),
        policy::permit::<GetKey>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<GetKey>(caller, to(None)).map(drop),
        policy::permit::<CreateKey>(caller, to(None)).map(drop),
        revoke(Some(own_key(caller))),
        revoke(Some(another)),
        revoke(None),
        policy::permit::<RevokeKeys>(caller, to(None)).map(drop),
        policy::permit::<RevokeLineage>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<RevokeLineage>(caller, to(Some(another))).map(drop),
        policy::permit::<UpdateKey>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<UpdateKey>(caller, to(Some(another))).map(drop),
        policy::permit::<DisableKey>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<DisableKey>(caller, to(None)).map(drop),
        policy::permit::<EnableKey>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<EnableKey>(caller, to(Some(another))).map(drop),
        policy::permit::<RotateKey>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<RotateKey>(caller, to(Some(another))).map(drop),
        policy::permit::<RotateKey>(caller, to(None)).map(drop),
        policy::permit::<FinishRotation>(caller, to(Some(own_key(caller)))).map(drop),
        policy::permit::<FinishRotation>(caller, to(Some(another))).map(drop),
    ]
}

#[test]
fn in_its_own_organization_a_caller_may_do_what_the_table_says() {
    let own = organization(at(0));
    for (caller, row) in callers(&own) {
        let Row { list, create, revoke_itself, revoke_another } = row;
        let (itself, others) = (revoke_itself, revoke_another);
        let with_previous = matches!(&caller, Caller::Key(caller) if caller.with_previous);
        let rotate_itself = itself && !with_previous;
        let expected = [
            true,
            list,
            list,
            list,
            create,
            itself,
            others,
            others,
            others,
            others,
            others,
            itself,
            others,
            itself,
            others,
            itself,
            others,
            rotate_itself,
            create,
            create,
            itself,
            others,
        ];
        for (answer, expected) in answers(&caller, Some(own.id)).into_iter().zip(expected) {
            match answer {
                Ok(()) => assert!(expected, "{caller:?} may not {row:?}"),
                Err(Denial::Forbidden(_)) => assert!(!expected, "{caller:?} may {row:?}"),
                Err(Denial::AnotherOrganization) => panic!("{caller:?} is told that its own is another's"),
            }
        }
    }
}

#[test]
fn any_other_organization_is_refused_to_every_caller_in_one_sentence() {
    let (own, other) = (organization(at(0)), organization(at(0)));
    let suspended = Organization { suspension: Some(Suspension { at: at(1), reason: None }), ..own.clone() };
    for (caller, row) in callers(&own).into_iter().chain(callers(&suspended)) {
        for target in [Some(other.id), None] {
            let expected: Answers = std::array::from_fn(|_| Err(Denial::AnotherOrganization));
            assert_eq!(answers(&caller, target), expected, "{caller:?} {row:?}");
        }
    }
}

#[test]
fn a_suspended_organization_is_closed_to_every_caller() {
    let own =
        Organization { suspension: Some(Suspension { at: at(1), reason: None }), ..organization(at(0)) };
    for (caller, _) in callers(&own) {
        let expected: Answers = std::array::from_fn(|_| Err(Forbidden::OrganizationSuspended.into()));
        assert_eq!(answers(&caller, Some(own.id)), expected, "{caller:?}");
    }
}

#[test]
fn a_session_without_an_organization_here_is_forbidden_everywhere() {
    let some = organization(at(0));
    let Caller::Session(mut without) = session(None, "org:admin", false) else { unreachable!() };
    for (active, reason) in
        [(true, Forbidden::OrganizationNotRegistered), (false, Forbidden::NoActiveOrganization)]
    {
        if !active {
            without.session.organization = None;
        }
        let caller = Caller::Session(without.clone());
        for target in [Some(some.id), None] {
            let expected: Answers = std::array::from_fn(|_| Err(reason.clone().into()));
            assert_eq!(answers(&caller, target), expected);
        }
    }
}

#[test]
fn a_key_hands_on_no_scope_that_it_does_not_hold() {
    let own = organization(at(0));
    for held in scope_sets().into_iter().filter(|set| set.contains(&"api_keys:write") || set.contains(&"*")) {
        let creator = api_key(&own, &held, false);
        let caller = Caller::Key(KeyCaller { key: creator, organization: own.clone(), with_previous: false });
        let permit = to_create(&caller, own.id);
        for asked in SCOPES {
            let checked = permit.action().ceiling.check(&spec(&[asked]));
            let expected = held.contains(&"*") || held.contains(&asked);
            assert_eq!(checked.is_ok(), expected, "{held:?} → {asked:?}");
        }
    }
}

#[test]
fn a_key_hands_on_no_life_beyond_its_own() {
    let own = organization(at(0));
    let (none, early, late) = (None, Some(at(1_000)), Some(at(2_000)));
    for (creators, asked, expected) in [
        (none, none, Ok(none)),
        (none, late, Ok(late)),
        (early, none, Ok(early)),
        (early, early, Ok(early)),
        (late, early, Ok(early)),
        (early, late, Err(Forbidden::OutlivesCreator.into())),
    ] {
        let mut creator = api_key(&own, &["*"], false);
        creator.expires_at = creators;
        let caller = Caller::Key(KeyCaller { key: creator, organization: own.clone(), with_previous: false });
        let permit = to_create(&caller, own.id);
        let mut spec = spec(&["jobs:read"]);
        if let Some(asked) = asked {
            spec = spec.expiring_at(asked, at(0)).unwrap();
        }
        assert_eq!(permit.action().ceiling.check(&spec), expected, "{creators:?} {asked:?}");
    }
}

#[test]
fn a_new_key_says_how_it_came_to_be_and_who_is_behind_it() {
    let own = organization(at(0));
    let permit = to_create(&session(Some(&own), "admin", false), own.id);
    assert_eq!(permit.action().source, KeySource::Dashboard);
    assert_eq!(permit.action().created_by, UserId::parse("user_2abc"));
    let mut creator = api_key(&own, &["*"], false);
    creator.created_by_user_id = UserId::parse("user_behind");
    let caller = Caller::Key(KeyCaller { key: creator, organization: own.clone(), with_previous: false });
    let permit = to_create(&caller, own.id);
    assert_eq!(permit.action().source, KeySource::Api);
    assert_eq!(permit.action().created_by, UserId::parse("user_behind"));
}

fn spec(asked: &[&str]) -> KeySpec {
    KeySpec::new(KeyName::parse("CI").unwrap(), scopes(asked))
}
