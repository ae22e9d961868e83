//! What verification costs.
