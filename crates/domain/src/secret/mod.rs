//! Minting, parsing and hashing of API keys: the only code that handles their plaintext.

mod credential;
mod digest;
mod format;
mod idempotency;
mod plaintext;

pub use credential::{BearerToken, Credential};
pub use digest::{KeyDigest, Pepper, PepperCheck, PepperFault, PepperId, Peppers, RecordedPepper};
pub use format::KeyFormat;
pub use idempotency::{IdempotencyKey, IdempotencyRecord, IdempotentRequest, Underivable};
pub use plaintext::PlaintextKey;
