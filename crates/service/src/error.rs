//! Why something failed that a person has asked for.

pub(crate) use capykeys_storage::Error;
