//! What is configured.

use std::{collections::BTreeMap, time::Duration};

use capykeys_domain::model::Role;
use capykeys_jwks::{Algorithm, PublicKeySource};
use serde_json::Value;

use crate::path::ClaimPath;

/// What tokens may be signed with, where a provider's settings say so: keys in pairs, so that whoever can check
/// a token cannot make one.
pub(crate) const ALGORITHMS: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Es256];

/// What a token's `typ` says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token (RFC 9068): `at+jwt` or `application/at+jwt`.
    AccessToken,
    /// Any token, ID tokens among them: `JWT`.
    Jwt,
    /// Nothing: it has no `typ`.
    Untyped,
}

impl TokenType {
    /// Every `typ` that any of them has.
    pub(crate) const NAMES: &'static [&'static str] = &["at+jwt", "application/at+jwt", "JWT"];

    /// Of a header's `typ`.
    pub(crate) fn of(typ: Option<&Value>) -> Option<Self> {
        match typ.map(Value::as_str) {
            None => Some(Self::Untyped),
            Some(Some("JWT")) => Some(Self::Jwt),
            Some(Some("at+jwt" | "application/at+jwt")) => Some(Self::AccessToken),
            Some(_) => None,
        }
    }
}

/// Which organization is active in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationSource {
    /// The one that the provider is for, whatever a token says: its id.
    Fixed(String),
    /// The one that this claim has the id of.
    Claim(ClaimPath),
}

/// One OpenID provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// `iss` of its tokens, to the letter: `https://id.example.com/realms/acme`.
    pub issuer: String,
    /// Where its public keys come from.
    pub keys: PublicKeySource,
    /// What may be in `aud`: at least one, of which a token has to name one.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with: RS256, ES256 or both.
    pub algorithms: Vec<Algorithm>,
    /// Which `typ` its tokens may have.
    pub types: Vec<TokenType>,
    /// The clients whose tokens are accepted, as `azp` (OpenID Connect Core 1.0, section 2) or `client_id` (RFC
    /// 9068) name them. Where it is empty, every client is that can get a token for the audience.
    pub authorized_parties: Vec<String>,
    /// How long a token may live, from its `iat` to its `exp`.
    pub max_lifetime: Duration,
    /// The user's id.
    pub user: ClaimPath,
    /// The organization's id.
    pub organization: OrganizationSource,
    /// What the organization is called.
    pub organization_name: ClaimPath,
    /// The names of the user's roles.
    pub roles: ClaimPath,
    /// What roles of the provider are here. Others count for nothing, for it may mean something else by the
    /// same name: whoever has none of these is a member.
    pub role_names: BTreeMap<String, Role>,
}

impl ProviderSettings {
    /// An hour, as of Clerk's tokens. Several providers give longer ones unless they are told otherwise.
    pub const DEFAULT_MAX_LIFETIME: Duration = Duration::from_hours(1);
}
