//! Why something failed that a person has asked for.

/// A sentence for that person.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
