//! Clerk session tokens for capykeys.
