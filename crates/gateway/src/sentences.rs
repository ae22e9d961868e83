//! What callers are told in the same words over every interface.

/// There is no credential, or it is not good.
pub const UNAUTHENTICATED: &str = "A valid API key or session token is required.";

/// Something that is needed is not there.
pub const UNAVAILABLE: &str = "The service is not available right now.";

/// A fault of ours.
pub const INTERNAL: &str = "Something went wrong here.";

/// Why a log line says that an answer was not awaited any longer.
pub const OVERDUE: &str = "took longer than the time limit";
