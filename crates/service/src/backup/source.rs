//! A backup as the source of a restore: with what was locked out since it was taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use capykeys_domain::{
    model::{
        Actor, ApiKey, AuditAction, AuditEvent, AuditOutcome, AuditRecord, EventDetails, KeyId, Organization,
        OrganizationId, ProjectId, RequestContext, RequestId, Sequence, Suspension, Timestamp,
    },
    ports::{Limit, StoreHead, StoredKey, StoredRows},
    secret::PepperId,
};

use super::{BackupError, BackupReader, Revocations, format::Row};
use crate::{error::Error, transfer::RowSource};

/// What the events of a restore say of their reason.
const REASON: &str = "restore: revoked since the backup was taken";
const CHANGED: &str = "restore: changed since the backup was taken";

/// What a backup that was read to its end is restored with.
#[derive(Default)]
pub(crate) struct Scan {
    /// Those to be revoked, since when.
    keys: BTreeMap<KeyId, Timestamp>,
    /// Those that may do less by now, as they are.
    changed: BTreeMap<KeyId, ApiKey>,
    organizations: BTreeMap<OrganizationId, Suspension>,
    /// What is told of it, after the last event of the backup.
    events: Vec<AuditEvent>,
    last: Sequence,
    /// The peppers that keys need by which somebody could come in yet when the backup was taken.
    pub(crate) peppers: BTreeSet<PepperId>,
}

impl Scan {
    /// Reads the backup to its end, so that it is known to be whole.
    pub(crate) fn of(mut backup: BackupReader, since: &Revocations) -> Result<Self, BackupError> {
        let taken_at = backup.header().taken_at;
        let mut scan = Self { last: backup.header().head.expired_through, ..Self::default() };
        while let Some(row) = backup.next_row()? {
            match row {
                Row::Organization(row) => scan.organization(&row, since),
                Row::Key(row) => scan.key(&row, since, taken_at),
                Row::Event(row) => scan.last = scan.last.max(row.sequence),
            }
        }
        Ok(scan)
    }

    /// How many keys are revoked, and organizations suspended, and keys made stricter besides.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.keys.len(), self.organizations.len(), self.changed.len())
    }

    fn organization(&mut self, row: &Organization, since: &Revocations) {
        let Some(suspension) = since.organizations.get(&row.id) else { return };
        if !row.is_suspended() {
            self.organizations.insert(row.id, suspension.clone());
            let details = EventDetails::because(&REASON);
            self.tell(AuditAction::SuspendOrganization, suspension.at, row.id, None, details);
        }
    }

    /// One that is listed without a time is revoked since the backup was taken: it was, a moment later. Were it the
    /// time of this run, one that goes on where another was killed would find something else.
    fn key(&mut self, row: &StoredKey, since: &Revocations, taken_at: Timestamp) {
        if row.key.revoked_at.is_some() {
            return;
        }
        // Of a secret that was replaced since, nobody has said that it is still good; and the new one is not here.
        let rotated = since.rotated(&row.key).map(Some);
        let Some(at) = since.keys.get(&row.key.id).copied().or(rotated) else {
            self.peppers.extend(row.peppers(taken_at).cloned());
            if let Some((at, left)) = since.stricter(&row.key) {
                self.change(&row.key, at, left);
            }
            return;
        };
        let at = at.unwrap_or(taken_at);
        self.keys.insert(row.key.id, at);
        let key = (row.key.id, row.key.project_id.clone());
        let details = EventDetails::because(&REASON);
        self.tell(AuditAction::RevokeKey, at, row.key.organization_id, Some(key), details);
    }

    fn change(&mut self, key: &ApiKey, at: Timestamp, left: ApiKey) {
        let is_disabled = left.disabled != key.disabled;
        let is_other = (&left.scopes, left.expires_at) != (&key.scopes, key.expires_at);
        let is_finished = left.rotation != key.rotation;
        for (action, is_done) in [
            (AuditAction::DisableKey, is_disabled),
            (AuditAction::UpdateKey, is_other),
            (AuditAction::FinishRotation, is_finished),
        ] {
            if is_done {
                // A later restore may learn it from this event.
                let details = EventDetails::of_key_change(key, &left);
                let details = details.iter().chain([("reason", CHANGED)]);
                let details = details.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
                let of = (key.id, key.project_id.clone());
                self.tell(action, at, key.organization_id, Some(of), details);
            }
        }
        self.changed.insert(key.id, left);
    }

    fn tell(
        &mut self,
        action: AuditAction,
        at: Timestamp,
        organization: OrganizationId,
        key: Option<(KeyId, Option<ProjectId>)>,
        details: EventDetails,
    ) {
        let (key_id, project_id) = key.unzip();
        self.events.push(AuditEvent {
            at,
            action,
            outcome: AuditOutcome::Done,
            actor: Actor::Operator,
            organization_id: Some(organization),
            target_organization_id: None,
            key_id,
            project_id: project_id.flatten(),
            details,
            // The same each time that the backup is restored.
            request: RequestContext {
                request_id: RequestId::from_random(*organization.uuid().as_bytes()),
                peer: None,
            },
            occurrences: std::num::NonZeroU32::MIN,
        });
    }

    fn numbered(&self) -> VecDeque<AuditRecord> {
        let mut last = self.last;
        let numbered = self.events.iter().map(|event| {
            last = last.next().unwrap_or(last);
            AuditRecord { sequence: last, event: event.clone() }
        });
        numbered.collect()
    }
}

/// The rows of a backup with the changes of a [`Scan`].
pub(crate) struct BackupSource<'s> {
    backup: BackupReader,
    scan: &'s Scan,
    head: StoreHead,
    events: VecDeque<AuditRecord>,
    /// Read, and of another kind than the rows before.
    left: Option<Row>,
}

impl<'s> BackupSource<'s> {
    /// Of the backup that was scanned.
    pub(crate) fn new(backup: BackupReader, scan: &'s Scan) -> Self {
        let (mut head, events) = (backup.header().head.clone(), scan.numbered());
        head.counts.events += events.len() as u64;
        Self { backup, scan, head, events, left: None }
    }

    fn next_row(&mut self) -> Result<Option<Row>, BackupError> {
        if self.left.is_some() {
            return Ok(self.left.take());
        }
        let Some(mut row) = self.backup.next_row()? else {
            return Ok(self.events.pop_front().map(|event| Row::Event(Box::new(event))));
        };
        match &mut row {
            Row::Organization(row) => {
                if let Some(suspension) = self.scan.organizations.get(&row.id) {
                    row.updated_at = row.updated_at.max(suspension.at);
                    row.suspension = Some(suspension.clone());
                }
            }
            Row::Key(row) => {
                if let Some(left) = self.scan.changed.get(&row.key.id) {
                    row.key = left.clone();
                }
                row.key.revoked_at = self.scan.keys.get(&row.key.id).copied().or(row.key.revoked_at);
            }
            Row::Event(_) => {}
        }
        Ok(Some(row))
    }
}

impl RowSource for BackupSource<'_> {
    fn head(&self) -> &StoreHead {
        &self.head
    }

    async fn next(&mut self, limit: Limit) -> Result<Option<StoredRows>, Error> {
        let Some(first) = self.next_row()? else { return Ok(None) };
        let mut rows = first.alone();
        while rows.len() < usize::from(limit.get()) {
            let Some(row) = self.next_row()? else { break };
            self.left = row.join(&mut rows);
            if self.left.is_some() {
                break;
            }
        }
        Ok(Some(rows))
    }
}
