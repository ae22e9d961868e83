//! How the statements are planned.

use capykeys_domain::{
    model::{CreatedBy, KeyFilter, KeyState, ProjectId, Timestamp, UserId},
    ports::Limit,
};

use super::*;

/// How a page after the first is read.
fn plan(change: impl FnOnce(&mut KeyFilter)) -> Vec<String> {
    let mut filter = KeyFilter::default();
    change(&mut filter);
    let (organization, key) =
        (OrganizationId::new(Timestamp::MIN, [1; 8]), KeyId::new(Timestamp::MIN, [1; 8]));
    crate::schema::plan(&page(&KeyQuery { organization, filter, before: Some(key), limit: Limit::ONE }).0)
}

fn read_off(index: &str) -> [String; 1] {
    [format!("SEARCH k USING INDEX {index}")]
}

#[test]
fn a_page_is_read_off_the_index_without_sorting() {
    assert_eq!(plan(|_| ()), read_off("api_keys_of_organization (organization_id=? AND id<?)"));
}

#[test]
fn what_few_keys_have_is_read_off_an_index_of_its_own() {
    assert_eq!(
        plan(|filter| filter.project_id = ProjectId::parse("p1").ok()),
        read_off("api_keys_of_project (organization_id=? AND project_id=? AND id<?)")
    );
    let maker = KeyId::new(Timestamp::MIN, [1; 8]);
    assert_eq!(
        plan(|filter| filter.created_by = Some(CreatedBy::Key(maker))),
        read_off("api_keys_of_maker (created_by_key_id=? AND organization_id=? AND id<?)")
    );
    assert_eq!(
        plan(|filter| filter.created_by = UserId::parse("user_1").map(CreatedBy::User)),
        read_off("api_keys_of_creator (organization_id=? AND created_by_user_id=? AND id<?)")
    );
    assert_eq!(
        plan(|filter| filter.state = Some((KeyState::Disabled, Timestamp::MIN))),
        read_off("api_keys_disabled (organization_id=? AND id<?)")
    );
}

#[test]
fn idle_secrets_are_read_off_an_index_of_their_own() {
    assert_eq!(crate::schema::plan(&IDLE), read_off("api_keys_finishing (previous_expires_at>?)"));
}

/// However many keys are active, or expired: to read all of them for each page would take longer with each.
#[test]
fn what_many_keys_are_is_read_in_the_order_of_the_list() {
    for state in [KeyState::Active, KeyState::Expired, KeyState::Revoked] {
        assert_eq!(
            plan(|filter| filter.state = Some((state, Timestamp::MIN))),
            read_off("api_keys_of_organization (organization_id=? AND id<?)"),
            "{state:?}"
        );
    }
}
