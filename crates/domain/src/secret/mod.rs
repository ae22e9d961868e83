//! Minting, parsing and hashing of API keys: the only code that handles their plaintext.

mod brought;
mod credential;
mod digest;
mod format;
mod idempotency;
mod plaintext;

pub use brought::{BroughtDigest, BroughtSecret, KeyTexts};
pub use credential::{BearerToken, Credential};
pub use digest::{KeyDigest, Pepper, PepperCheck, PepperFault, PepperId, Peppers, RecordedPepper};
pub use format::KeyFormat;
pub use idempotency::{IdempotencyKey, IdempotencyRecord, IdempotentRequest, Underivable};
pub use plaintext::PlaintextKey;
