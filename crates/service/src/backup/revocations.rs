//! What was locked out since a backup was taken, as another file tells it.

use std::{collections::BTreeMap, io::BufRead as _, path::Path};

use capykeys_domain::{
    model::{AuditAction, AuditOutcome, KeyId, OrganizationId, Suspension, Timestamp},
    secret::KeyFormat,
};
use serde_json::Value;

use super::{BackupError, BackupReader, SeekableFile, format::Row};

/// Keys that are revoked and organizations that are suspended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Revocations {
    /// Since when; `None` where nothing is said of it.
    pub(super) keys: BTreeMap<KeyId, Option<Timestamp>>,
    pub(super) organizations: BTreeMap<OrganizationId, Suspension>,
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
        let mut all = Self::default();
        while let Some(row) = backup.next_row()? {
            match row {
                Row::Organization(row) => {
                    all.organizations.extend(row.suspension.map(|suspension| (row.id, suspension)));
                }
                Row::Key(row) => {
                    all.keys.extend(row.key.revoked_at.map(|at| (row.key.id, Some(at))));
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
        Ok(Self {
            keys: told.keys,
            organizations: told.organizations.into_iter().filter_map(suspended).collect(),
        })
    }
}

/// What the lines of a file say, in whatever order they stand: some stores of logs answer with the newest first.
#[derive(Default)]
struct Lines {
    count: usize,
    keys: BTreeMap<KeyId, Option<Timestamp>>,
    /// The last that happened to each: since when, and whether it is suspended.
    organizations: BTreeMap<OrganizationId, (Timestamp, Option<Suspension>)>,
}

impl Lines {
    fn key(&mut self, text: &str) -> Option<()> {
        self.count += 1;
        self.keys.entry(KeyId::parse(text)?).or_insert(None);
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
        match action {
            AuditAction::RevokeKey => {
                self.keys.insert(KeyId::parse(text("key_id")?)?, at);
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
