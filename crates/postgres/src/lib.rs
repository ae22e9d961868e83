//! The PostgreSQL storage adapter of capykeys.
