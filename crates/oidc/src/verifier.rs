//! The verifier.

use capykeys_domain::model::{Session, Timestamp};
use capykeys_jwks::{
    PublicKeySource, SettingsError, TokenError, TokenFormat, TokenIssuer, TokenVerifier, UnverifiedToken,
};

use crate::{
    claims,
    refusal::Refusal,
    settings::{ALGORITHMS, ProviderSettings, TokenType},
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
        self.check_settings()
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
