//! Verdicts on keys.

use std::time::Duration;

use capykeys_domain::{model::Timestamp, usecases::Verification};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiKeyView;

/// A verdict on a key.
#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
pub(crate) struct VerificationView<'a> {
    /// Whether the key is good for what was required.
    valid: bool,
    /// The key, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    api_key: Option<ApiKeyView<'a>>,
    /// Why it is not, where it is not: the first reason that applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<&'static str>,
    /// For how many milliseconds the verdict may be kept, counted from when the request was sent: until
    /// then no revocation is acknowledged that is missing from it. Never more than the request asked
    /// for; 0 where the verdict is for the moment alone.
    max_age_ms: u64,
}

impl<'a> VerificationView<'a> {
    /// The verdict as it is at `now`.
    pub(crate) fn new(verification: &'a Verification, now: Timestamp) -> Self {
        let verdict = verification.verdict.as_ref();
        Self {
            valid: verdict.is_ok(),
            api_key: verdict.ok().map(|found| ApiKeyView::new(&found.key, now)),
            code: verdict.err().map(|rejection| rejection.as_str()),
            max_age_ms: whole_milliseconds(verification.reliable_for),
        }
    }
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Verdicts on several keys.
#[derive(Serialize, ToSchema)]
#[schema(as = VerdictList)]
pub(crate) struct VerificationsView<'a> {
    /// One for each key, in the order in which they were given.
    pub(crate) results: Vec<VerificationView<'a>>,
}
