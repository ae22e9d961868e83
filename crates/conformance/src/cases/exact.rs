//! What is stored comes back as it was given.

use capykeys_domain::model::{
    DeviceName, KeyName, KeySource, Organization, OrganizationName, ProjectId, Timestamp, UserId,
};

use crate::{
    Store,
    fixtures::{self, SCOPES},
};

/// No trimming, folding or normalising.
pub async fn names_are_kept_byte_for_byte(store: &Store) {
    let organization = store.organization().await;
    let names = [
        "CI",
        " padded ",
        "👩‍👩‍👧‍👦🇺🇳",
        "שלום עולם",
        "\u{202e}abc",
        "e\u{301} \u{e9}",
        "'\"`;--\\\\%_{}$1",
        "\\0 \\n",
        "ﬁ Å Ω",
        "\u{10ffff}",
        "\u{feff}bom",
    ];
    let long = ["é".repeat(200), "😀".repeat(200), "\\".repeat(200)];
    for name in names.iter().copied().chain(long.iter().map(String::as_str)) {
        let mut new = fixtures::key(organization.id, fixtures::at(1));
        new.key.name = KeyName::parse(name).unwrap();
        new.key.device_name = Some(DeviceName::parse(name).unwrap());
        store.add_key(&new).await;
        let found = store.keys.find_key(organization.id, new.key.id).await.unwrap().unwrap();
        assert_eq!(found, new.key);
    }
}

/// They were accepted before such texts were refused, and must not hide what is listed beside them.
pub async fn texts_that_show_as_nothing_are_read_back(store: &Store) {
    let invisible = "\u{200b}\u{2060}";
    let name = OrganizationName::from_stored(invisible).unwrap();
    let organization =
        store.add_organization(Organization { name, ..fixtures::organization(fixtures::at(0)) }).await;
    let mut new = fixtures::key(organization.id, fixtures::at(1));
    new.key.name = KeyName::from_stored(invisible).unwrap();
    new.key.device_name = DeviceName::from_stored(invisible).ok();
    store.add_key(&new).await;
    assert_eq!(store.keys.find_key(organization.id, new.key.id).await.unwrap(), Some(new.key));
    assert_eq!(store.organizations.find_organization(organization.id).await.unwrap(), Some(organization));
}

/// Terraform replaces a key whose scopes come back in another order. Which scopes there are is for the
/// service to say: a store keeps every name.
pub async fn scopes_are_kept_in_their_order(store: &Store) {
    let organization = store.organization().await;
    let longest = format!("{}:read", "a".repeat(59));
    let names_of_others = vec!["repo", "read:user", "a.b-c_d:1", &longest, "*"];
    let many: Vec<String> = (0..100).rev().map(|number| format!("s{number}:read")).collect();
    let mut orders: Vec<Vec<&str>> = SCOPES.iter().map(|name| vec![*name]).collect();
    orders.extend([SCOPES.to_vec(), SCOPES.iter().rev().copied().collect(), names_of_others]);
    orders.push(many.iter().map(String::as_str).collect());
    for order in orders {
        let mut new = fixtures::key(organization.id, fixtures::at(1));
        new.key.scopes = fixtures::scopes(&order);
        store.add_key(&new).await;
        let found = store.keys.find_key(organization.id, new.key.id).await.unwrap().unwrap();
        assert_eq!(found.scopes, new.key.scopes);
    }
}

/// Also before 1970 and at the ends of the range.
pub async fn times_are_kept_to_the_microsecond(store: &Store) {
    let organization = store.organization().await;
    let times = [
        fixtures::at(0),
        fixtures::at(1),
        fixtures::at(999_999),
        fixtures::at(-1),
        Timestamp::MIN,
        Timestamp::MAX,
        Timestamp::parse("t", "1969-12-31T23:59:59.999999Z").unwrap(),
    ];
    for time in times {
        let mut new = fixtures::key(organization.id, fixtures::at(1));
        new.key.created_at = time;
        new.key.expires_at = Some(time);
        store.add_key(&new).await;
        let revocation = store.keys.revoke_key(fixtures::revoke(&new.key, time)).await.unwrap().unwrap();
        assert_eq!(revocation.revoked_at, time);
        let found = store.keys.find_key(organization.id, new.key.id).await.unwrap().unwrap();
        assert_eq!((found.created_at, found.expires_at, found.revoked_at), (time, Some(time), Some(time)));
    }
}

/// A field that was not given is absent, not empty.
pub async fn every_optional_field_is_kept_or_absent(store: &Store) {
    let organization = store.organization().await;
    for (index, source) in (0_i64..).zip(KeySource::ALL) {
        let mut new = fixtures::key(organization.id, fixtures::at(index));
        new.key.source = source.clone();
        new.key.created_by_user_id = UserId::parse("user_2abcDEF");
        new.key.created_by_key_id = Some(new.key.id);
        new.key.device_name = Some(DeviceName::parse("laptop").unwrap());
        new.key.expires_at = Some(fixtures::at(1_000_000));
        new.key.last_used_at = Some(fixtures::at(500));
        new.key.project_id = Some(ProjectId::parse("Prod_1-x").unwrap());
        store.add_key(&new).await;
        assert_eq!(store.keys.find_key(organization.id, new.key.id).await.unwrap(), Some(new.key));
        let bare = fixtures::key(organization.id, fixtures::at(index));
        store.add_key(&bare).await;
        assert_eq!(store.keys.find_key(organization.id, bare.key.id).await.unwrap(), Some(bare.key));
    }
}
