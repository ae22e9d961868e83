//! The change feed, as the stores' answers tell it.

use capykeys_domain::{
    model::{KeyId, OrganizationId, Sequence},
    ports::{Change, FeedHead, FeedPosition, Poll},
};

use crate::{Corrupt, Row, record::records};

/// An event of the feed, as it is stored.
pub struct Event {
    sequence: Sequence,
    mark: [u8; 16],
    kind: String,
    key_id: Option<KeyId>,
    organization_id: Option<OrganizationId>,
}

records! {
    Event { sequence, mark, kind, key_id, organization_id }
}

impl Event {
    /// The beginning of a store, which nobody is told: the first reader finds it at its own place.
    #[must_use]
    pub fn start(mark: [u8; 16]) -> Self {
        Self::start_at(Sequence::START, mark)
    }

    /// A beginning at this number: it can concern anything, so every reader that is before it diverges.
    #[must_use]
    pub fn start_at(sequence: Sequence, mark: [u8; 16]) -> Self {
        Self { sequence, mark, kind: "start".to_owned(), key_id: None, organization_id: None }
    }

    /// That something has changed, for a store without triggers.
    #[must_use]
    pub fn of(sequence: Sequence, mark: [u8; 16], change: Change) -> Self {
        let (kind, key_id, organization_id) = match change {
            Change::Key(id) => ("key", Some(id), None),
            Change::Organization(id) => ("organization", None, Some(id)),
            Change::Brought(id) => ("brought", None, Some(id)),
        };
        Self { sequence, mark, kind: kind.to_owned(), key_id, organization_id }
    }

    /// Its number.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Its place, in this epoch.
    #[must_use]
    pub const fn position(&self, epoch: [u8; 16]) -> FeedPosition {
        FeedPosition { sequence: self.sequence, mark: self.mark, epoch }
    }

    /// What has changed; `None` where that can be anything. A kind that this program does not know is a
    /// newer one's: it concerns the organization that it names, with whatever that has.
    fn change(&self) -> Option<Change> {
        match (self.kind.as_str(), self.key_id) {
            ("key", Some(key)) => Some(Change::Key(key)),
            ("brought", _) => self.organization_id.map(Change::Brought),
            _ => self.organization_id.map(Change::Organization),
        }
    }
}

/// The head of the feed, of the columns `sequence`, `mark`, `now`, `registered` and `brought`.
///
/// # Errors
/// [`Corrupt`] where one of them cannot be read.
pub fn head(row: &impl Row, epoch: [u8; 16]) -> Result<FeedHead, Corrupt> {
    let position = FeedPosition { sequence: row.field("sequence")?, mark: row.field("mark")?, epoch };
    let (store_time, registered) = (row.field("now")?, row.field("registered")?);
    Ok(FeedHead { position, store_time, registered, brought: row.field("brought")? })
}

/// What a reader is told that asked after `asked`: `events` begin with its own. It has diverged where
/// its own is not there any more, and where something is told that can concern anything.
pub fn poll(asked: &FeedPosition, head: FeedHead, events: &[Event]) -> Poll {
    let at = |event: &Event| event.position(head.position.epoch);
    let Some((own, later)) = events.split_first().filter(|(own, _)| at(own) == *asked) else {
        return Poll::Diverged(head);
    };
    let Some(changes) = later.iter().map(Event::change).collect() else { return Poll::Diverged(head) };
    let position = at(later.last().unwrap_or(own));
    let complete = position == head.position;
    let FeedHead { store_time, registered, .. } = head;
    Poll::Changes { changes, position, complete, store_time, registered }
}
