//! The HTTP interface of capykeys.
