//! What was locked out since a backup was taken, as another file tells it.

use std::{collections::BTreeMap, io::BufRead as _, path::Path, sync::Arc};

use capykeys_domain::{
    model::{
        ApiKey, AuditAction, AuditOutcome, Disabling, KeyId, OrganizationId, ScopeSet, Suspension, Timestamp,
    },
    secret::KeyFormat,
};
use serde_json::Value;

use super::{BackupError, BackupReader, SeekableFile, format::Row};

/// Keys that are revoked or were changed, and organizations that are suspended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Revocations {
    /// Since when; `None` where nothing is said of it.
    pub(super) keys: BTreeMap<KeyId, Option<Timestamp>>,
    /// When they were last given another secret, which only a later backup has.
    pub(super) rotations: BTreeMap<KeyId, Timestamp>,
    /// In the order in which they were made.
    pub(super) changes: BTreeMap<KeyId, Vec<(Timestamp, KeyChange)>>,
    /// What a newer backup says of keys. Its events do not go back for ever.
    pub(super) limits: BTreeMap<KeyId, Limits>,
    /// As of when.
    pub(super) taken_at: Option<Timestamp>,
    pub(super) organizations: BTreeMap<OrganizationId, Suspension>,
}

/// What a key may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limits {
    scopes: Arc<ScopeSet>,
    end: Option<Timestamp>,
    /// Of the secret before its present one.
    previous_end: Option<Timestamp>,
}

/// What was changed of what a key can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyChange {
    Disabled(Option<Disabling>),
    Scopes(ScopeSet),
    End(Option<Timestamp>),
    /// Of the secret before the key's present one, and when that was to end before, where it is said.
    PreviousEnd(Timestamp, Option<Timestamp>),
}

impl KeyChange {
    /// What an event says that a key was given, and what it had before; `None` where that cannot be read.
    fn all<'t>(text: impl Fn(&str) -> Option<&'t str>) -> Option<Vec<Self>> {
        let mut all = Vec::new();
        if let Some(scopes) = text("scopes") {
            all.push(Self::Scopes(ScopeSet::from_stored(scopes.split(' ')).ok()?));
        }
        match (text("expires_at"), text("previous_expires_at")) {
            (Some(end), _) => all.push(Self::End(Some(Timestamp::parse("expires_at", end).ok()?))),
            (None, Some(_)) => all.push(Self::End(None)),
            (None, None) => {}
        }
        Some(all)
    }

    fn apply(&self, key: &mut ApiKey) {
        match self.clone() {
            Self::Disabled(disabled) => key.disabled = disabled,
            Self::Scopes(scopes) => key.scopes = scopes,
            Self::End(end) => key.expires_at = end,
            // A log goes back to before the backup, and to rotations before the one that is there.
            Self::PreviousEnd(end, of) => {
                let is_meant = |end: Timestamp| of.is_none_or(|of| of == end);
                let rotation = key.rotation.iter_mut().filter(|it| is_meant(it.previous_expires_at));
                rotation.for_each(|it| it.previous_expires_at = it.previous_expires_at.min(end));
            }
        }
    }
}

impl Revocations {
    /// The key as it was left, and when, where it could do more before. Nothing ends a disabling, and puts off an end,
    /// that the key has: of what happened between, something may be missing here.
    pub(super) fn stricter(&self, key: &ApiKey) -> Option<(Timestamp, ApiKey)> {
        let mut left = key.clone();
        if let Some(Limits { scopes, end, previous_end }) = self.limits.get(&key.id) {
            left.scopes = ScopeSet::clone(scopes);
            left.expires_at = *end;
            if let Some(end) = *previous_end {
                KeyChange::PreviousEnd(end, None).apply(&mut left);
            }
        }
        let changes = self.changes.get(&key.id).map_or(&[][..], Vec::as_slice);
        for (_, change) in changes {
            change.apply(&mut left);
        }
        left.disabled = left.disabled.or_else(|| key.disabled.clone());
        left.expires_at = left.expires_at.into_iter().chain(key.expires_at).min();
        let at = changes.last().map(|(at, _)| *at).or(self.taken_at)?;
        key.reaches_further_than(&left).then_some((at, left))
    }

    /// When the key was given a secret that is another than the one it has here.
    pub(super) fn rotated(&self, key: &ApiKey) -> Option<Timestamp> {
        self.rotations.get(&key.id).copied().filter(|at| key.rotated_at().is_none_or(|known| known < *at))
    }

    fn rotate(&mut self, key: KeyId, at: Timestamp) {
        let last = self.rotations.entry(key).or_insert(at);
        *last = at.max(*last);
    }

    fn change(&mut self, key: KeyId, at: Timestamp, changes: impl IntoIterator<Item = KeyChange>) {
        self.changes.entry(key).or_default().extend(changes.into_iter().map(|change| (at, change)));
    }

    fn in_order(mut self) -> Self {
        for changes in self.changes.values_mut() {
            changes.sort_by_key(|(at, _)| *at);
        }
        self
    }
}

impl Revocations {
    /// From a newer backup, from lines of the event log, or from the ids of keys, one a line.
    pub(crate) fn read(path: &Path, format: &KeyFormat) -> Result<Self, BackupError> {
        // What it is shows in its first line, and it is read from the beginning after that.
        let file = SeekableFile::open(path)?;
        match file.backup() {
            Ok(backup) => {
                backup.check_prefix(format.prefix())?;
                Self::of_backup(backup)
            }
            Err(BackupError::NoBackup(_)) => Self::of_lines(&file),
            Err(error) => Err(error),
        }
    }

    fn of_backup(mut backup: BackupReader) -> Result<Self, BackupError> {
        let mut all = Self { taken_at: Some(backup.header().taken_at), ..Self::default() };
        // Many keys have the same scopes.
        let mut scopes = BTreeMap::new();
        while let Some(row) = backup.next_row()? {
            match row {
                Row::Organization(row) => {
                    all.organizations.extend(row.suspension.map(|suspension| (row.id, suspension)));
                }
                Row::Key(row) => {
                    all.keys.extend(row.key.revoked_at.map(|at| (row.key.id, Some(at))));
                    let text = row.key.scopes.to_string();
                    let scopes = scopes.entry(text).or_insert_with(|| Arc::new(row.key.scopes.clone()));
                    let (end, previous_end) = (row.key.expires_at, row.key.grace_ends_at());
                    all.limits.insert(row.key.id, Limits { scopes: Arc::clone(scopes), end, previous_end });
                    if let Some(at) = row.key.rotated_at() {
                        all.rotate(row.key.id, at);
                    }
                    if let Some(disabled) = row.key.disabled {
                        all.change(row.key.id, disabled.at, [KeyChange::Disabled(Some(disabled))]);
                    }
                }
                Row::Event(_) => {}
            }
        }
        Ok(all)
    }

    fn of_lines(file: &SeekableFile) -> Result<Self, BackupError> {
        let (file, lines) = file.content()?;
        let unreadable = |error| BackupError::Unreadable { file: file.clone(), error };
        let mut told = Lines::default();
        for (line, number) in lines.lines().zip(1..) {
            let line = line.map_err(unreadable)?;
            let understood = match line.trim() {
                text if text.is_empty() || text.starts_with('#') => Some(()),
                text if text.starts_with('{') => told.event(text),
                text => told.key(text),
            };
            understood.ok_or_else(|| BackupError::NoRevocation { file: file.clone(), line: number })?;
        }
        // As an export that has failed leaves it.
        if told.count == 0 {
            return Err(BackupError::Empty(file));
        }
        let suspended = |(id, (_, suspension))| Some((id, suspension?));
        let organizations = told.organizations.into_iter().filter_map(suspended).collect();
        Ok(Self { organizations, ..told.all }.in_order())
    }
}

/// What the lines of a file say, in whatever order they stand: some stores of logs answer with the newest first.
#[derive(Default)]
struct Lines {
    count: usize,
    /// But for organizations.
    all: Revocations,
    /// The last that happened to each: since when, and whether it is suspended.
    organizations: BTreeMap<OrganizationId, (Timestamp, Option<Suspension>)>,
}

impl Lines {
    fn key(&mut self, text: &str) -> Option<()> {
        self.count += 1;
        self.all.keys.entry(KeyId::parse(text)?).or_insert(None);
        Some(())
    }

    /// Takes note of an event; `None` where it is none.
    fn event(&mut self, line: &str) -> Option<()> {
        self.count += 1;
        let event: Value = serde_json::from_str(line).ok()?;
        let text = |name| event.get(name).and_then(Value::as_str);
        let outcome = AuditOutcome::from_stored(text("outcome").unwrap_or(AuditOutcome::Done.as_str()));
        let action = AuditAction::from_stored(text("action")?, &outcome);
        if outcome != AuditOutcome::Done {
            return Some(());
        }
        let at = text("at").and_then(|at| Timestamp::parse("at", at).ok());
        let organization = || OrganizationId::parse(text("organization_id")?);
        let key = || KeyId::parse(text("key_id")?);
        match action {
            AuditAction::RevokeKey => {
                self.all.keys.insert(key()?, at);
            }
            AuditAction::DisableKey => {
                let disabled = Some(Disabling { at: at?, reason: None });
                self.all.change(key()?, at?, [KeyChange::Disabled(disabled)]);
            }
            AuditAction::EnableKey => self.all.change(key()?, at?, [KeyChange::Disabled(None)]),
            AuditAction::RotateKey => self.all.rotate(key()?, at?),
            AuditAction::FinishRotation => {
                let of =
                    event.get("details").and_then(|details| details.get("previous_grace_ends_at")?.as_str());
                let of = of.and_then(|of| Timestamp::parse("at", of).ok());
                self.all.change(key()?, at?, [KeyChange::PreviousEnd(at?, of)]);
            }
            AuditAction::UpdateKey => {
                let details = event.get("details")?;
                let changes = KeyChange::all(|name| details.get(name)?.as_str())?;
                self.all.change(key()?, at?, changes);
            }
            AuditAction::SuspendOrganization => {
                self.organization(organization()?, at?, Some(Suspension { at: at?, reason: None }));
            }
            AuditAction::ResumeOrganization => self.organization(organization()?, at?, None),
            // A newer release may lock a key out in another way.
            AuditAction::Other(name) if name.starts_with("api_key.") => return None,
            _ => {}
        }
        Some(())
    }

    fn organization(&mut self, id: OrganizationId, at: Timestamp, suspension: Option<Suspension>) {
        let last = self.organizations.entry(id).or_insert((at, None));
        if at >= last.0 {
            *last = (at, suspension);
        }
    }
}
