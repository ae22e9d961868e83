//! The claims (RFC 7519, section 4.1).

use capykeys_domain::model::{ClusterSubject, Timestamp};
use capykeys_jwks::{Object, Times, check_audience};

use crate::{refusal::Refusal, settings::ClusterSettings};

/// Reads the claims and gives their subject, where the settings accept them at `now`. It stands
/// for nobody until the signature is checked.
pub(crate) fn accepted_subject(
    claims: &Object,
    settings: &ClusterSettings,
    now: Timestamp,
) -> Result<ClusterSubject, Refusal> {
    if claims.text("iss") != Some(&settings.issuer) {
        return Err(Refusal::Issuer);
    }
    check_audience(claims, Some(&settings.audience))?;
    let subject = claims.text("sub").and_then(ClusterSubject::parse).ok_or(Refusal::Subject)?;
    Times::parse(claims)?.check(now, settings.max_lifetime)?;
    if !settings.subjects.is_empty() && !settings.subjects.contains(&subject) {
        return Err(Refusal::NotAllowed);
    }
    Ok(subject)
}
