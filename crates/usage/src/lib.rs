//! When keys were last used, and how often callers were refused, without a write in each request.
//!
//! [`UseRecorder`] is the domain's [`Uses`](capykeys_domain::ports::Uses). It keeps the latest use of
//! each key in memory and has the store record all of them every few seconds. So:
//!
//! - A key costs one update of its row in an interval, for each server that it is used at, whatever
//!   its traffic, and none while it is not used.
//! - `last_used_at` is late by an interval, and by as long as the store is away after it. Its value is
//!   exact: it is the time of the use, not of the recording.
//! - A use stays in memory until the store has said that it is recorded. A server that crashes loses
//!   what came in since the last recording; one that stops in order, nothing
//!   ([`UseRecorder::flush`]).
//!
//! In the same background it has keys stored under the digest of the newest pepper that were found under
//! an older one ([`UseRecorder::rehashing`]).

mod background;
mod pending;
mod recorder;
mod refusals;
mod rehash;
mod settings;

pub use background::Recording;
pub use recorder::UseRecorder;
pub use refusals::CountedRefusals;
pub use settings::UsageSettings;
