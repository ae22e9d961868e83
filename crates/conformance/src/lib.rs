//! What every storage adapter of capykeys must pass.
