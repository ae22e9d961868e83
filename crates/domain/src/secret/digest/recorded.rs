//! What a store keeps of peppers.

use super::PepperId;

/// Names what is recorded in a pepper's place while a store is being filled. Older programs say it where they are not
/// ready.
const UNFINISHED_IMPORT: &str = "unfinished-import";

/// What a store keeps of a pepper: a keyed hash of a fixed text. It tells two peppers of one name
/// apart, and nothing of either: to guess the 32 bytes from it is as hard as from a key's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PepperCheck {
    /// The pepper.
    pub id: PepperId,
    /// The hash.
    pub value: [u8; blake3::OUT_LEN],
}

impl PepperCheck {
    /// Whether the two are of peppers that share a name and have other bytes.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.id == other.id && self.value != other.value
    }
}

/// A pepper as a store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPepper {
    /// What tells it from another of the same name.
    pub check: PepperCheck,
    /// New keys are made with the pepper whose turn is the highest; `None` where it never had one.
    pub turn: Option<i64>,
}

impl RecordedPepper {
    /// Of these, the one that new keys are made with: whose turn was last. `None` where none had a turn.
    #[must_use]
    pub fn of_last_turn(recorded: &[Self]) -> Option<&Self> {
        recorded.iter().filter(|one| one.turn.is_some()).max_by_key(|one| one.turn)
    }

    /// Recorded as long as a store is being filled: no server has this pepper, so none of any version makes a key or
    /// calls one unknown before the end. No pepper gets a turn after its own.
    #[must_use]
    pub fn of_an_import() -> Self {
        let check = PepperCheck { id: PepperId(UNFINISHED_IMPORT.into()), value: [0; blake3::OUT_LEN] };
        Self { check, turn: Some(i64::MAX) }
    }

    /// Whether it is [`of_an_import`](Self::of_an_import).
    #[must_use]
    pub fn is_of_an_import(&self) -> bool {
        self.check.id.as_str() == UNFINISHED_IMPORT
    }
}
