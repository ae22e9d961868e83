//! The verifier.

use capykeys_domain::model::{Session, Timestamp};
use capykeys_jwks::{
    PublicKeySource, SettingsError, TokenFormat, TokenIssuer, TokenVerifier, UnverifiedToken,
};

use crate::{
    category::check_category,
    claims::Claims,
    refusal::Refusal,
    settings::{ALGORITHMS, InstanceSettings},
};

/// Verifies the session tokens of the configured Clerk instances.
pub type ClerkVerifier = TokenVerifier<InstanceSettings>;

impl TokenIssuer for InstanceSettings {
    type Subject = Session;
    type Refusal = Refusal;

    const FORMAT: TokenFormat =
        TokenFormat { algorithms: ALGORITHMS, types: &["JWT"], type_is_optional: false };
    const DEPENDENCY: &'static str = "clerk";
    const NAME: &'static str = "Clerk";

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
        check_category(token.header())?;
        Claims::parse(token.claims())?.check(self, now)
    }
}
