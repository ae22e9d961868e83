//! The verifier.

use capykeys_domain::model::{ExternalOrganizationId, Session, Timestamp};
use capykeys_jwks::{
    PublicKeySource, SettingsError, TokenError, TokenFormat, TokenIssuer, TokenVerifier, UnverifiedToken,
    Url, is_trustworthy,
};

use crate::{
    claims,
    refusal::Refusal,
    settings::{ALGORITHMS, OrganizationSource, ProviderSettings, TokenType},
};

/// Verifies the tokens of the configured OpenID providers.
pub type OidcVerifier = TokenVerifier<ProviderSettings>;

impl TokenIssuer for ProviderSettings {
    type Subject = Session;
    type Refusal = Refusal;

    /// What any provider may be set to accept; what this one does is checked when it is known.
    const FORMAT: TokenFormat =
        TokenFormat { algorithms: ALGORITHMS, types: TokenType::NAMES, type_is_optional: true };
    const DEPENDENCY: &'static str = "oidc";
    const NAME: &'static str = "OIDC";

    fn check(&self) -> Result<(), SettingsError> {
        // Compared to the letter: with white space, or without a letter, no token could match.
        let cannot_match = |text: &String| text.is_empty() || text.contains(char::is_whitespace);
        let is_issuer = |url: Url| is_trustworthy(&url) && url.query().is_none();
        if cannot_match(&self.issuer) || !Url::parse(&self.issuer).is_ok_and(is_issuer) {
            // Not repeated, for it may have a password in it.
            let rule = "An OIDC issuer must be an https URL without user name, password, query and fragment.";
            return Err(SettingsError::new(rule));
        }
        let told = |rule: &str| {
            SettingsError::new(format!("The OIDC issuer `{}` cannot work: {rule}.", self.issuer))
        };
        if self.audiences.is_empty() || self.audiences.iter().any(cannot_match) {
            return Err(told("there must be at least one audience, and none with white space"));
        }
        if self.algorithms.is_empty() || self.algorithms.iter().any(|one| !ALGORITHMS.contains(one)) {
            return Err(told("the algorithms must be RS256, ES256 or both"));
        }
        if self.types.is_empty() {
            return Err(told("at least one type of token must be accepted"));
        }
        if self.authorized_parties.iter().any(cannot_match) {
            return Err(told("an authorized party must be the id of a client, without white space"));
        }
        if let OrganizationSource::Fixed(id) = &self.organization
            && ExternalOrganizationId::of_issuer(&self.issuer, id).is_none()
        {
            return Err(told("the organization must be an id of at most 74 letters and digits"));
        }
        self.keys.check().map_err(|error| self.unusable(error))?;
        if self.authorized_parties.is_empty() {
            tracing::warn!(issuer = self.issuer, "OIDC tokens of every client are accepted");
        }
        Ok(())
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn keys(&self) -> &PublicKeySource {
        &self.keys
    }

    fn accept(&self, token: &UnverifiedToken<'_>, now: Timestamp) -> Result<Session, Refusal> {
        if !self.algorithms.contains(&token.algorithm()) {
            return Err(TokenError::Algorithm.into());
        }
        let kind = TokenType::of(token.header().get("typ"));
        if !kind.is_some_and(|kind| self.types.contains(&kind)) {
            return Err(TokenError::Type.into());
        }
        claims::session(token.claims(), self, now)
    }
}
