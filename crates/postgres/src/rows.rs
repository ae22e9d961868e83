//! From rows to the domain's types.

use capykeys_domain::{
    model::{
        ApiKey, ClerkLink, ClerkOrganizationId, DeviceName, KeyId, KeyName, KeySource, Organization,
        OrganizationId, OrganizationName, ProjectId, Scope, ScopeSet, Slug, Suspension, SuspensionReason,
        Timestamp, UserId,
    },
    secret::{KeyDigest, KeyPrefix, PepperId},
};
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use crate::{failure::Failure, instant::Instant, line::OWN_COLUMNS};

/// The columns that [`Reader::key`] reads, of the table or query named so.
macro_rules! key_columns {
    ($of:literal) => {
        concat!(
            $of,
            ".id, ",
            $of,
            ".organization_id, ",
            $of,
            ".name, ",
            $of,
            ".key_prefix, ",
            $of,
            ".scopes, ",
            $of,
            ".source, ",
            $of,
            ".created_at, ",
            $of,
            ".created_by_user_id, ",
            $of,
            ".device_name, ",
            $of,
            ".expires_at, ",
            $of,
            ".last_used_at, ",
            $of,
            ".project_id, ",
            $of,
            ".revoked_at"
        )
    };
}

/// The columns that [`Reader::organization`] reads, of the table or query named so.
macro_rules! organization_columns {
    ($of:literal) => {
        concat!(
            $of,
            ".id, ",
            $of,
            ".name, ",
            $of,
            ".slug, ",
            $of,
            ".created_at, ",
            $of,
            ".updated_at, ",
            $of,
            ".clerk_organization_id, ",
            $of,
            ".clerk_organization_slug, ",
            $of,
            ".suspended_at, ",
            $of,
            ".suspended_reason"
        )
    };
}

pub(crate) use {key_columns, organization_columns};

/// Reads a row's own columns one after the other.
pub(crate) struct Reader<'r> {
    row: &'r Row,
    next: usize,
}

/// What a value that the domain does not allow comes to.
fn unreadable<E>(_: E) -> Failure {
    Failure::UnreadableRow
}

fn readable<T>(value: Option<T>) -> Result<T, Failure> {
    value.ok_or(Failure::UnreadableRow)
}

impl<'r> Reader<'r> {
    pub(crate) const fn new(row: &'r Row) -> Self {
        Self::after(row, 0)
    }

    /// Without the first columns of its own.
    pub(crate) const fn after(row: &'r Row, columns: usize) -> Self {
        Self { row, next: OWN_COLUMNS + columns }
    }

    pub(crate) fn value<T: FromSql<'r>>(&mut self) -> Result<T, Failure> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(unreadable)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Failure> {
        self.value::<Instant>().map(|time| time.0)
    }

    fn optional_time(&mut self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.value::<Option<Instant>>()?.map(|time| time.0))
    }

    /// A text that `parse` must accept.
    fn text<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Failure> {
        parse(self.value()?).map_err(unreadable)
    }

    /// The same where there may be none.
    pub(crate) fn optional_text<T, E>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        self.value::<Option<&str>>()?.map(parse).transpose().map_err(unreadable)
    }

    pub(crate) fn scope(&mut self) -> Result<Scope, Failure> {
        self.text(|name| Scope::from_name(name).ok_or(()))
    }

    pub(crate) fn key(&mut self) -> Result<ApiKey, Failure> {
        Ok(ApiKey {
            id: KeyId::from_uuid(self.value()?),
            organization_id: OrganizationId::from_uuid(self.value()?),
            name: self.text(KeyName::from_stored)?,
            key_prefix: KeyPrefix::from_stored(self.value()?),
            scopes: ScopeSet::parse(self.value::<Vec<&str>>()?).map_err(unreadable)?,
            source: readable(KeySource::from_name(self.value()?))?,
            created_at: self.time()?,
            created_by_user_id: self.optional_text(|text| UserId::parse(text).ok_or(()))?,
            device_name: self.optional_text(DeviceName::from_stored)?,
            expires_at: self.optional_time()?,
            last_used_at: self.optional_time()?,
            project_id: self.optional_text(ProjectId::parse)?,
            revoked_at: self.optional_time()?,
        })
    }

    pub(crate) fn organization(&mut self) -> Result<Organization, Failure> {
        Ok(Organization {
            id: OrganizationId::from_uuid(self.value()?),
            name: self.text(OrganizationName::from_stored)?,
            slug: self.text(Slug::parse)?,
            created_at: self.time()?,
            updated_at: self.time()?,
            clerk: self.clerk_link()?,
            suspension: self.suspension()?,
        })
    }

    fn clerk_link(&mut self) -> Result<Option<ClerkLink>, Failure> {
        let id = self.optional_text(|text| ClerkOrganizationId::parse(text).ok_or(()))?;
        let slug = self.value()?;
        Ok(id.map(|id| ClerkLink { id, slug }))
    }

    fn suspension(&mut self) -> Result<Option<Suspension>, Failure> {
        let at = self.optional_time()?;
        let reason = self.optional_text(SuspensionReason::from_stored)?;
        Ok(at.map(|at| Suspension { at, reason }))
    }

    /// `pepper_id` and `digest`.
    pub(crate) fn digest(&mut self) -> Result<KeyDigest, Failure> {
        let pepper_id = self.text(PepperId::parse)?;
        let bytes = self.value::<&[u8]>()?.try_into().map_err(unreadable)?;
        Ok(KeyDigest::from_stored(pepper_id, bytes))
    }

    /// The mark of an event of the feed.
    pub(crate) fn mark(&mut self) -> Result<[u8; 16], Failure> {
        self.value::<&[u8]>()?.try_into().map_err(unreadable)
    }

    /// The id of the line of history that the row is of.
    pub(crate) fn line(&self) -> Result<[u8; 16], Failure> {
        self.row.try_get::<_, Uuid>(OWN_COLUMNS - 2).map(Uuid::into_bytes).map_err(unreadable)
    }
}
