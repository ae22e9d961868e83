//! What was locked out since a backup was taken, as another file tells it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use capykeys_domain::{
    model::{AuditAction, AuditOutcome, KeyId, OrganizationId, Suspension, Timestamp},
    secret::KeyFormat,
};
use serde_json::Value;

use super::{BackupError, BackupReader, format::Row};

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
        match BackupReader::open(path) {
            Ok(backup) => {
                backup.check_prefix(format.prefix())?;
                Self::of_backup(backup)
            }
            Err(BackupError::NoBackup(_)) => Self::of_lines(path),
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

    fn of_lines(path: &Path) -> Result<Self, BackupError> {
        let file = path.display().to_string();
        let unreadable = |error| BackupError::Unreadable { file: file.clone(), error };
        let mut all = Self::default();
        for (line, number) in BufReader::new(File::open(path).map_err(unreadable)?).lines().zip(1..) {
            let line = line.map_err(unreadable)?;
            let understood = match line.trim() {
                text if text.is_empty() || text.starts_with('#') => Some(()),
                text if text.starts_with('{') => all.event(text),
                text => KeyId::parse(text).map(|id| {
                    all.keys.entry(id).or_insert(None);
                }),
            };
            understood.ok_or_else(|| BackupError::NoRevocation { file: file.clone(), line: number })?;
        }
        Ok(all)
    }

    /// Takes note of an event; `None` where it is none.
    fn event(&mut self, line: &str) -> Option<()> {
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
                self.organizations.insert(organization()?, Suspension { at: at?, reason: None });
            }
            AuditAction::ResumeOrganization => {
                self.organizations.remove(&organization()?);
            }
            _ => {}
        }
        Some(())
    }
}
