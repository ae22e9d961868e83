//! A standby becomes the primary while the old one is still about.

mod frozen;
mod lagging;
mod pair;
mod patroni;
mod split;
mod stand;
