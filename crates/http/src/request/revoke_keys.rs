//! The body that revokes many keys.

use std::collections::BTreeSet;

use capykeys_domain::{
    model::{Invalid, KeyFilter, KeyId, ProjectId, Timestamp},
    secret::KeyFormat,
    usecases::{Chosen, MOST_REVOKED},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    key_filter::FILTERS,
    members::{Members, deserialize, present},
};
use crate::error::ApiError;

/// Which keys are to be revoked: either `ids` or a `filter`. Other members are refused, since one that was misspelt would reach
/// further than it was meant to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = RevokeApiKeysRequest,
    example = json!({ "filter": { "created_by": "user_2abcDEF", "status": "active" }, "dry_run": true })
)]
pub(crate) struct RevokeApiKeysRequest {
    /// The ids of keys. One that is named twice is revoked once.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<NamedKey>>, nullable = false, min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// What the keys are like: all that is said holds. The key that asks is left out.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ApiKeyFilter>, nullable = false)]
    filter: Option<Members>,
    /// Whether to say which keys would be revoked, and to revoke none.
    #[serde(default)]
    #[schema(default = false)]
    dry_run: bool,
}

/// The filter as it was sent.
#[derive(Deserialize)]
struct Nested {
    filter: Members,
}

/// The id of a key.
#[derive(ToSchema)]
#[schema(pattern = "^key_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
#[expect(dead_code, reason = "describes the members of an array for the OpenAPI document")]
pub(crate) struct NamedKey(String);

/// What keys are like, as in a list. At least one member, and no others than these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({ "created_by": "user_2abcDEF", "status": "active" }))]
pub(crate) struct ApiKeyFilter {
    /// They can be used (`active`), or are `disabled` or `expired`; each is one of these. None that is `revoked` is revoked
    /// again.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(active|disabled|expired|revoked)$")]
    status: Option<String>,
    /// They are for this project.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    project_id: Option<String>,
    /// They came to be so.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(dashboard|api|cli|agent|operator|import)$")]
    source: Option<String>,
    /// They carry this scope by its name; `*` is another one.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = r"^(\*|[a-z][a-z0-9_.:-]{0,63})$")]
    scope: Option<String>,
    /// This user created them, or they were made with this key.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(user_[A-Za-z0-9_]{1,100}|key_[0-7][0-9a-hjkmnp-tv-z]{25})$")]
    created_by: Option<String>,
    /// They have an end, which lies before this time.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, format = DateTime)]
    expires_before: Option<String>,
    /// They were last used before this time, or never and were created before it.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, format = DateTime)]
    unused_since: Option<String>,
    /// Their names begin so, byte for byte.
    #[serde(default, deserialize_with = "present")]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
}

/// What is to be revoked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Revocations {
    pub(crate) chosen: Chosen,
    /// Whether nothing is to be changed.
    pub(crate) dry_run: bool,
}

impl Revocations {
    /// What the body asks for; keys are in a state as of `now`.
    ///
    /// # Errors
    /// 400 with a sentence that names the member and the rule.
    pub(crate) fn parse(body: &[u8], format: &KeyFormat, now: Timestamp) -> Result<Self, ApiError> {
        let members = Members::parse(body)?;
        if !members.are_among(&["ids", "filter", "dry_run"]) {
            return Err(ApiError::invalid(
                "The body must have no other members than `ids`, `filter` and `dry_run`.",
            ));
        }
        let RevokeApiKeysRequest { ids, filter, dry_run } = members.read()?;
        let chosen = match (ids, filter) {
            (Some(ids), None) => Chosen::Ids(read_ids(&ids)?),
            (None, Some(_)) => {
                // Read again from the text: `Members` has one of each name, also where it was given twice.
                let Nested { filter } = deserialize(body, "`filter` must be an object.")?;
                Chosen::Filter(read_filter(filter, format, now)?)
            }
            _ => return Err(ApiError::invalid("The body must have either `ids` or a `filter`.")),
        };
        Ok(Self { chosen, dry_run })
    }
}

fn read_ids(ids: &[String]) -> Result<BTreeSet<KeyId>, ApiError> {
    if !(1..=usize::from(MOST_REVOKED.get())).contains(&ids.len()) {
        return Err(ApiError::invalid("`ids` must have 1 to 1000 items."));
    }
    let read = |(place, text): (usize, &String)| {
        KeyId::parse(text)
            .ok_or_else(|| ApiError::Invalid(format!("`ids[{place}]` must be the id of an API key.").into()))
    };
    ids.iter().enumerate().map(read).collect()
}

fn read_filter(members: Members, format: &KeyFormat, now: Timestamp) -> Result<KeyFilter, ApiError> {
    if !members.are_among(&FILTERS) {
        return Err(ApiError::invalid("`filter` must have no other members than the list has filters."));
    }
    let asked: ApiKeyFilter =
        members.unique().and_then(Members::read).map_err(|error| error.within("filter"))?;
    let filter = asked.of(format, now).map_err(|invalid| ApiError::from(invalid).within("filter"))?;
    if filter == KeyFilter::default() {
        return Err(ApiError::invalid("`filter` must have a member: without one it would be of all keys."));
    }
    Ok(filter)
}

impl ApiKeyFilter {
    fn of(&self, format: &KeyFormat, now: Timestamp) -> Result<KeyFilter, Invalid> {
        fn read<T>(
            text: Option<&String>,
            parse: impl FnOnce(&str) -> Result<T, Invalid>,
        ) -> Result<Option<T>, Invalid> {
            text.map(|text| parse(text)).transpose()
        }
        for (field, text) in [("name", &self.name), ("project_id", &self.project_id)] {
            format.must_not_occur_in(field, text.as_deref())?;
        }
        if self.name.as_deref() == Some("") {
            return Err(Invalid::new("name", "must not be empty"));
        }
        Ok(KeyFilter {
            state: read(self.status.as_ref(), KeyFilter::parse_status)?.map(|state| (state, now)),
            project_id: read(self.project_id.as_ref(), ProjectId::parse)?,
            source: read(self.source.as_ref(), KeyFilter::parse_source)?,
            scope: read(self.scope.as_ref(), KeyFilter::parse_scope)?,
            created_by: read(self.created_by.as_ref(), KeyFilter::parse_created_by)?,
            expires_before: read(self.expires_before.as_ref(), KeyFilter::parse_expires_before)?,
            unused_since: read(self.unused_since.as_ref(), KeyFilter::parse_unused_since)?,
            name: read(self.name.as_ref(), KeyFilter::parse_name)?,
            ..KeyFilter::default()
        })
    }
}

#[cfg(test)]
mod tests;
