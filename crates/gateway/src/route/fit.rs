//! How far something is what a rule means.

use capykeys_domain::model::ProjectId;

/// How far something is what a rule means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is, and names this project.
    Exactly(Option<ProjectId>),
    /// Not by what is written there, but somebody may take it for that.
    Nearly,
    /// It is not.
    Not,
}

impl Fit {
    /// How far both together are.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Not, _) | (_, Self::Not) => Self::Not,
            (Self::Nearly, _) | (_, Self::Nearly) => Self::Nearly,
            (Self::Exactly(one), Self::Exactly(other)) => Self::Exactly(one.or(other)),
        }
    }
}
