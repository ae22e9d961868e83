//! How far something is what a rule means.

use crate::model::ProjectId;

/// How far something is what a rule means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is, and names this project.
    Exactly(Option<ProjectId>),
    /// Not by what is written there, but somebody may take it for that.
    Nearly,
    /// It is not.
    Not,
}

impl Fit {
    /// How far both together are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Not, _) | (_, Self::Not) => Self::Not,
            (Self::Nearly, _) | (_, Self::Nearly) => Self::Nearly,
            (Self::Exactly(one), Self::Exactly(other)) => Self::Exactly(one.or(other)),
        }
    }
}
