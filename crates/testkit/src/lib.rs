//! A throw-away PostgreSQL and other aids for the tests of capykeys.
