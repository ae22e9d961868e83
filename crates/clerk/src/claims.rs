//! The claims (RFC 7519, section 4, and Clerk's own).

use capykeys_domain::model::{Session, SessionOrganization, Timestamp, UserId};
use capykeys_jwks::{Object, Times, TokenError, check_audience};
use serde_json::Value;

use crate::{organization, refusal::Refusal, settings::InstanceSettings};

/// Which set of claims the organization is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The claims of a session token, each of the right type.
pub(crate) struct Claims<'a> {
    all: &'a Object,
    authorized_party: Option<&'a str>,
    times: Times,
    version: Version,
    session: Session,
}

impl<'a> Claims<'a> {
    /// Reads the claims. What no setting can make acceptable is refused here.
    pub(crate) fn parse(claims: &'a Object) -> Result<Self, Refusal> {
        let user_id = claims.text("sub").and_then(UserId::of_clerk).ok_or(Refusal::Subject)?;
        if !claims.text("sid").is_some_and(is_session_id) {
            return Err(Refusal::SessionId);
        }
        if claims.get("sts").is_some_and(|status| status != "active") {
            return Err(Refusal::Status);
        }
        let version = version(claims)?;
        Ok(Self {
            all: claims,
            authorized_party: authorized_party(claims)?,
            times: times(claims)?,
            version,
            session: Session {
                user_id,
                organization: active_organization(claims, version)?,
                // Whatever it holds: no reading of it may turn impersonation off.
                impersonated: claims.get("act").is_some(),
            },
        })
    }

    /// The session, where the instance accepts the claims at `now`. It stands for nobody until
    /// the signature is checked.
    pub(crate) fn check(self, instance: &InstanceSettings, now: Timestamp) -> Result<Session, Refusal> {
        self.times.check(now, instance.max_lifetime)?;
        check_audience(self.all, instance.audience.as_deref())?;
        if self.version == Version::One && !instance.claims_v1 {
            return Err(Refusal::Version);
        }
        let parties = &instance.authorized_parties;
        let authorized = self.authorized_party.is_some_and(|party| parties.iter().any(|one| one == party));
        if !parties.is_empty() && !authorized {
            return Err(Refusal::AuthorizedParty);
        }
        Ok(self.session)
    }
}

/// Clerk writes all three.
fn times(claims: &Object) -> Result<Times, TokenError> {
    Times::parse(claims).and_then(|times| times.not_before.map(|_| times).ok_or(TokenError::Time))
}

fn version(claims: &Object) -> Result<Version, Refusal> {
    match claims.get("v").map(Value::as_u64) {
        None | Some(Some(1)) => Ok(Version::One),
        Some(Some(2)) => Ok(Version::Two),
        Some(_) => Err(Refusal::Version),
    }
}

fn authorized_party(claims: &Object) -> Result<Option<&str>, Refusal> {
    claims.get("azp").map(|party| party.as_str().ok_or(Refusal::AuthorizedParty)).transpose()
}

/// Each version's own claims and no other's: in version 2, `org_id` is a name that anybody may
/// give to a custom claim.
fn active_organization(claims: &Object, version: Version) -> Result<Option<SessionOrganization>, Refusal> {
    match version {
        Version::Two => claims.get("o").map(organization::from_object),
        Version::One => claims
            .get("org_id")
            .map(|id| organization::from_claims(id, claims.get("org_role"), claims.get("org_slug"))),
    }
    .transpose()
}

fn is_session_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.strip_prefix("sess_")
        .is_some_and(|suffix| (1..=100).contains(&suffix.len()) && suffix.bytes().all(allowed))
}
