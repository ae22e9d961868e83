//! The statement that reads a page of keys, as two databases write it.

use capykeys_domain::{
    model::{CreatedBy, KeyState},
    ports::KeyQuery,
};

use crate::{Field, Values};

/// What comes after `SELECT … FROM api_keys AS k`, and the values that it takes.
pub struct KeyPage<'q> {
    /// From `WHERE` to the end, with named parameters. Each filter is a piece of its own that is there or not: the planner
    /// sees what is asked for alone.
    pub text: String,
    /// Of the parameters.
    pub values: Values<'q>,
}

impl<'q> KeyPage<'q> {
    /// The page that is asked for; `has_scope` is true of `k` where it carries `$scope` and `is_named` where it is one of
    /// `$ids`, and both differ as the columns do.
    #[must_use]
    pub fn of(query: &'q KeyQuery, has_scope: &'static str, is_named: &'static str) -> Self {
        let KeyQuery { organization, filter, before, limit } = query;
        let values = Values::of("organization_id", organization).and("limit", limit);
        let page = Self { text: "WHERE k.organization_id = $organization_id".to_owned(), values };
        let mut page = page
            .and(filter.project_id.as_ref(), "project_id", "k.project_id = $project_id")
            .and(filter.source.as_ref(), "source", "k.source = $source")
            .and(filter.scope.as_ref(), "scope", has_scope)
            .and(filter.expires_before.as_ref(), "expires_before", "k.expires_at < $expires_before")
            .and(
                filter.unused_since.as_ref(),
                "unused_since",
                "coalesce(k.last_used_at, k.created_at) < $unused_since",
            )
            .and(filter.name.as_ref(), "name", "substr(k.name, 1, length($name)) = $name")
            .and(filter.ids.as_ref(), "ids", is_named)
            .and(filter.except.as_ref(), "except", "k.id <> $except")
            .and(before.as_ref(), "before", "k.id < $before");
        page = match &filter.created_by {
            None => page,
            Some(CreatedBy::User(user)) => {
                page.and(Some(user), "created_by", "k.created_by_user_id = $created_by")
            }
            Some(CreatedBy::Key(maker)) => {
                page.and(Some(maker), "created_by", "k.created_by_key_id = $created_by")
            }
        };
        if filter.unrevoked {
            page.text.push_str(" AND k.revoked_at IS NULL");
        }
        if let Some((state, now)) = &filter.state {
            page = page.and(Some(now), "now", &is_in(*state, filter.expires_before.is_some()));
        }
        page.text.push_str(" ORDER BY k.id DESC LIMIT $limit");
        page
    }

    fn and<T: Field>(mut self, value: Option<&'q T>, name: &'static str, condition: &str) -> Self {
        if let Some(value) = value {
            self.text.push_str(" AND ");
            self.text.push_str(condition);
            self.values = self.values.and(name, value);
        }
        self
    }
}

/// Whether `k` is in the state at `$now`, as `ApiKey::state` says it. Where it has to have an end, that is not said to be
/// absent: PostgreSQL would take many more keys for such as end soon, and read the whole list.
fn is_in(state: KeyState, has_an_end: bool) -> String {
    let goes_on =
        if has_an_end { "k.expires_at > $now" } else { "(k.expires_at > $now OR k.expires_at IS NULL)" };
    match state {
        KeyState::Revoked => "k.revoked_at IS NOT NULL".to_owned(),
        KeyState::Expired => "k.revoked_at IS NULL AND k.expires_at <= $now".to_owned(),
        KeyState::Disabled => format!("k.revoked_at IS NULL AND k.disabled_at IS NOT NULL AND {goes_on}"),
        KeyState::Active => format!("k.revoked_at IS NULL AND k.disabled_at IS NULL AND {goes_on}"),
    }
}
