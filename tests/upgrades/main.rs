//! Programs are replaced one by one, by newer ones and by older ones: the program as it was released last
//! and today's, on one store.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it has measured"
)]

mod embedded;
mod load;
mod rolling;
mod stand;
