//! The promise, under everything that may happen: the rules in a [`simulation`] and in a search through
//! all states ([`exhaustive`]), and the shell around them on random [`schedules`]. That they would see
//! a mistake is shown by making mistakes, in the shell that they play themselves, and in the crate's
//! text (`tests/mutants.rs`).

mod exhaustive;
mod schedules;
mod simulation;

pub(crate) use schedules::one_in;

#[expect(clippy::disallowed_methods, reason = "how much is tested is no configuration of the service")]
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}
