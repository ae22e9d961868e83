//! Aids for the end-to-end tests.
