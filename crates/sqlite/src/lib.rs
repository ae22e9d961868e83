//! The embedded storage adapter of capykeys.
