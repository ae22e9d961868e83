//! That what is stored comes back, and which text statements get.

use std::{borrow::Cow, collections::BTreeMap};

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{
        Actor, ApiKey, AuditAction, AuditEvent, AuditOutcome, AuditRecord, Brought, DeviceName, Disabling,
        DisablingReason, EventDetails, KeySource, Organization, ProjectId, Suspension, UserId,
    },
    ports::{
        Change, FeedHead, FeedPosition, FeedProgress, NewKey, Poll, RegisteredReplica, ReplicaId, StoredKey,
    },
    secret::KeyDigest,
};

use crate::{
    Columns, Corrupt, Document, Event, Field, Kind, Record, Row, Value, Values, poll, set_aside,
    wherever_stored,
};

/// A row in memory.
#[derive(Clone, Default)]
struct Kept(BTreeMap<String, (Kind, Value<'static>)>);

impl Kept {
    fn of<R: Record>(prefix: &str, record: &R) -> Self {
        let named = R::columns().into_iter().zip(record.values());
        Self(named.map(|((name, kind), value)| ([prefix, name].concat(), (kind, owned(value)))).collect())
    }

    fn with(mut self, name: &str, value: Value<'static>) -> Self {
        self.0.get_mut(name).unwrap().1 = value;
        self
    }
}

impl Row for Kept {
    fn value(&self, column: &str, kind: Kind) -> Option<Value<'_>> {
        let (own, value) = self.0.get(column)?;
        (*own == kind).then(|| value.clone())
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Id(id) => Value::Id(id),
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Time(time) => Value::Time(time),
        Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
        Value::Number(number) => Value::Number(number),
        Value::Flag(flag) => Value::Flag(flag),
        Value::Address(address) => Value::Address(address),
        Value::Json(json) => Value::Json(Cow::Owned(json.into_owned())),
        Value::Many(values) => Value::Many(values.into_iter().map(owned).collect()),
    }
}

fn full_key() -> ApiKey {
    let organization = fixtures::organization(fixtures::at(0));
    ApiKey {
        source: KeySource::Other("robot".to_owned()),
        created_by_user_id: UserId::parse("user_2a"),
        device_name: DeviceName::parse("laptop").ok(),
        expires_at: Some(fixtures::at(5)),
        last_used_at: Some(fixtures::at(4)),
        project_id: ProjectId::parse("p1").ok(),
        revoked_at: Some(fixtures::at(6)),
        brought: Some(Brought),
        disabled: Some(Disabling { at: fixtures::at(7), reason: DisablingReason::parse("why").ok() }),
        ..fixtures::key(organization.id, fixtures::at(1)).key
    }
}

#[test]
fn a_record_comes_back_from_its_columns_whatever_their_prefix() {
    let key = full_key();
    let bare = fixtures::key(key.organization_id, fixtures::at(2)).key;
    for prefix in ["", "k_"] {
        for key in [&key, &bare] {
            assert_eq!(&Kept::of(prefix, key).record::<ApiKey>(prefix).unwrap(), key);
        }
    }
    assert_eq!(Kept::of("", &key).record::<ApiKey>("k_"), Err(Corrupt("id")));
}

/// Programs that know nothing of disabled keys look for the digest, and compare it with what they find.
#[test]
fn a_disabled_key_is_stored_under_another_digest_and_comes_back_with_its_own() {
    let NewKey { key: good, digest, .. } = fixtures::key(full_key().organization_id, fixtures::at(1));
    let disabled = fixtures::disabled(&good, fixtures::at(2));
    for (key, is_aside) in [(good, false), (disabled, true)] {
        let stored =
            StoredKey { key, digest: digest.clone(), previous_digest: None, expiry_noticed_until: None };
        let kept = Kept::of("", &stored);
        let raw: KeyDigest = kept.record("").unwrap();
        assert_eq!(raw != digest, is_aside);
        assert!(wherever_stored(std::slice::from_ref(&digest)).contains(raw.as_bytes()));
        assert_eq!(kept.record(""), Ok(stored.clone()));
        assert_eq!(documented(&stored), Ok(stored));
    }
    assert_eq!(set_aside(&set_aside(&digest)), digest);
}

#[test]
fn a_part_is_absent_where_its_first_column_is_empty() {
    let plain = fixtures::organization(fixtures::at(0));
    let suspension = Some(Suspension { at: fixtures::at(3), reason: None });
    let linked = Organization { suspension, ..fixtures::organization_at_clerk(fixtures::at(0), "org_2a") };
    for organization in [plain, linked] {
        assert_eq!(Kept::of("", &organization).record(""), Ok(organization));
    }
    let confirmed = Some(FeedProgress { sequence: fixtures::sequence(7), epoch: [9; 16] });
    for confirmed in [None, confirmed] {
        let lease = std::time::Duration::from_micros(1_234_567);
        let replica = RegisteredReplica { id: ReplicaId([1; 16]), lease, confirmed, renewals: 3 };
        assert_eq!(Kept::of("", &replica).record(""), Ok(Some(replica)));
    }
}

#[test]
fn an_event_comes_back_whatever_is_in_it() {
    let odd = [("", " "), ("\"}", "\\ \u{202e}'{}[]"), ("name", "Ümläut 👩‍👩‍👧‍👦")];
    let odd = odd.map(|(name, text)| (name.to_owned(), text.to_owned())).into_iter().collect();
    let id = full_key().organization_id;
    let bare = fixtures::event(AuditAction::CreateKey, fixtures::at(1), id, None);
    let full = AuditEvent {
        outcome: AuditOutcome::Denied,
        actor: Actor::Other { kind: "robot".to_owned(), id: None },
        target_organization_id: Some(id),
        key_id: Some(full_key().id),
        project_id: ProjectId::parse("p1").ok(),
        details: odd,
        ..bare.clone()
    };
    let other = AuditEvent { action: AuditAction::Other("api_key.rotated".to_owned()), ..full.clone() };
    for event in [bare, full, other] {
        let record = Some(AuditRecord { sequence: fixtures::sequence(3), event });
        assert_eq!(Kept::of("e_", &record).record("e_"), Ok(record));
    }
    assert_eq!(Kept::of("", &None::<AuditRecord>).record(""), Ok(None::<AuditRecord>));
}

/// Writes it down and reads that.
fn documented<R: Record>(record: &R) -> Result<R, Corrupt> {
    Document::from_bytes(&Document::of(record).to_bytes())?.record("")
}

#[test]
fn a_record_comes_back_from_its_document() {
    let key = full_key();
    let bare = fixtures::key(key.organization_id, fixtures::at(2));
    let event = fixtures::created(&bare);
    let linked = fixtures::organization_at_clerk(fixtures::at(0), "org_2a");
    let suspended =
        Organization { suspension: Some(Suspension { at: fixtures::at(3), reason: None }), ..linked };
    assert_eq!(documented(&key), Ok(key));
    assert_eq!(documented(&bare.key).as_ref(), Ok(&bare.key));
    assert_eq!(documented(&bare.digest), Ok(bare.digest));
    assert_eq!(documented(&event), Ok(event));
    assert_eq!(documented(&suspended), Ok(suspended));
    assert_eq!(documented(&None::<AuditRecord>), Ok(None));
}

#[test]
fn what_only_a_newer_program_knows_stays_in_a_document_that_is_changed() {
    let key = full_key();
    let of_newer = Document::of(&key).and("networks", &"192.0.2.0/24".to_owned());
    let used = ApiKey { last_used_at: None, ..key };
    let changed = Document::from_bytes(&of_newer.with(&used).to_bytes()).unwrap();
    assert_eq!(changed.record(""), Ok(used));
    assert_eq!(changed.field("networks"), Ok(Some("192.0.2.0/24".to_owned())));
}

#[test]
fn what_is_no_document_of_the_record_is_not_read() {
    for bytes in [&b""[..], b"[]", b"{", b"\"\"", &[0xff]] {
        assert_eq!(Document::from_bytes(bytes).err(), Some(Corrupt("document")));
    }
    for (bytes, column) in [
        (&br#"{"pepper_id": "1"}"#[..], "digest"),
        (br#"{"pepper_id": "1", "digest": null}"#, "digest"),
        (br#"{"pepper_id": "1", "digest": "0g"}"#, "digest"),
        (br#"{"pepper_id": 1, "digest": "00"}"#, "pepper_id"),
    ] {
        assert_eq!(Document::from_bytes(bytes).unwrap().record::<KeyDigest>(""), Err(Corrupt(column)));
    }
}

#[test]
fn details_of_another_version_are_shown_where_they_have_names() {
    let read = |json: &'static str| EventDetails::read(Value::Json(json.into())).unwrap();
    let told = read(r#"{"name": "CI", "of": {"a": [1]}, "turn": 3, "no": null}"#);
    assert_eq!(told.iter().collect::<Vec<_>>(), [("name", "CI"), ("of", r#"{"a":[1]}"#), ("turn", "3")]);
    for nothing in ["[1, 2]", "7", "null", "{", ""] {
        assert_eq!(read(nothing), EventDetails::default(), "{nothing}");
    }
    assert_eq!(EventDetails::read(Value::Null), Some(EventDetails::default()));
}

#[test]
fn a_value_that_the_domain_does_not_accept_is_named_by_its_column() {
    let kept = Kept::of("", &full_key());
    for (column, value) in [
        ("name", Value::Text("a\nb".into())),
        ("created_by_user_id", Value::Text("hunter2".into())),
        ("project_id", Value::Text("hunter2 hunter2".into())),
        ("created_at", Value::Null),
        ("id", Value::Text("hunter2".into())),
        ("scopes", Value::Many(vec![])),
        ("scopes", Value::Many(vec![Value::Number(1)])),
    ] {
        let read = kept.clone().with(column, value).record::<ApiKey>("");
        assert_eq!(read, Err(Corrupt(column)));
    }
}

#[test]
fn every_column_has_a_value_of_its_own_name_and_kind() {
    let new = fixtures::key(full_key().organization_id, fixtures::at(1));
    let key = full_key();
    let values = Values::of("id", &new.key.id).record("key_", &key).record("", &new.digest);
    for (prefix, columns) in [("key_", ApiKey::columns()), ("", KeyDigest::columns())] {
        for (name, kind) in columns {
            assert_eq!(values.get(&[prefix, name].concat()).map(|(kind, _)| kind), Some(kind), "{name}");
        }
    }
    assert!(values.get("name").is_none());
}

#[test]
fn statements_get_the_same_columns_in_each_of_their_lists() {
    let columns = Columns::of::<KeyDigest>("old_").with(Columns::named(&["turn"]));
    assert_eq!(columns.names(), "pepper_id, digest, turn");
    assert_eq!(columns.parameters(), "$old_pepper_id, $old_digest, $turn");
    assert_eq!(columns.from("k"), "k.pepper_id AS old_pepper_id, k.digest AS old_digest, k.turn AS turn");
    assert_eq!(columns.again("a"), "a.old_pepper_id, a.old_digest, a.turn");
    assert_eq!(columns.without(&["digest"]).parameters(), "$old_pepper_id, $turn");
}

/// The events after the reader's own, as kind, key and organization.
fn told(events: &[(&str, bool, bool)]) -> Poll {
    let key = full_key();
    let event = |sequence: i64, (kind, of_key, of_organization): (&str, bool, bool)| {
        let row = Kept::default();
        let fields = [
            ("sequence", Kind::Number, Value::Number(sequence)),
            ("mark", Kind::Id, Value::Bytes(vec![5; 16].into())),
            ("kind", Kind::Text, Value::Text(kind.to_owned().into())),
            ("key_id", Kind::Id, if of_key { Value::Id(key.id.uuid()) } else { Value::Null }),
            (
                "organization_id",
                Kind::Id,
                if of_organization { Value::Id(key.organization_id.uuid()) } else { Value::Null },
            ),
        ];
        let named = fields.map(|(name, kind, value)| (name.to_owned(), (kind, value)));
        Kept(row.0.into_iter().chain(named).collect()).record::<Event>("").unwrap()
    };
    let asked = FeedPosition { sequence: fixtures::sequence(10), mark: [5; 16], epoch: [0; 16] };
    let events: Vec<_> =
        (10..).zip([("key", true, true)].iter().chain(events)).map(|(at, one)| event(at, *one)).collect();
    let end = 10 + i64::try_from(events.len()).unwrap() - 1;
    let head = FeedHead {
        position: FeedPosition { sequence: fixtures::sequence(end), ..asked },
        store_time: fixtures::at(0),
        registered: true,
        brought: false,
    };
    poll(&asked, head, &events)
}

#[test]
fn a_kind_of_change_that_is_not_known_concerns_all_that_it_can() {
    let (known, unknown) = (("key", true, true), "policy");
    let changes = |events: &[_]| match told(events) {
        Poll::Changes { changes, complete: true, .. } => Some(changes.len()),
        Poll::Changes { .. } => panic!("cut off"),
        Poll::Diverged(_) => None,
    };
    assert_eq!(changes(&[]), Some(0));
    assert_eq!(changes(&[known, ("organization", false, true), (unknown, true, true)]), Some(3));
    assert!(matches!(
        told(&[("brought", false, true)]),
        Poll::Changes { changes, .. } if matches!(changes[..], [Change::Brought(_)])
    ));
    assert!(matches!(
        told(&[(unknown, true, true)]),
        Poll::Changes { changes, .. } if matches!(changes[..], [Change::Organization(_)])
    ));
    for anything in [(unknown, true, false), (unknown, false, false), ("start", false, false)] {
        assert_eq!(changes(&[known, anything, known]), None, "{anything:?}");
    }
}
