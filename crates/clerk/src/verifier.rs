//! The verifier.

use capykeys_domain::model::{Session, Timestamp};
use capykeys_jwks::{
    PublicKeySource, SettingsError, TokenFormat, TokenIssuer, TokenVerifier, UnverifiedToken,
};

use crate::{
    category::check_category,
    claims::Claims,
    refusal::Refusal,
    settings::{ALGORITHMS, InstanceSettings, check},
};

/// Verifies the session tokens of the configured Clerk instances.
pub type ClerkVerifier = TokenVerifier<InstanceSettings>;

impl TokenIssuer for InstanceSettings {
    type Subject = Session;
    type Refusal = Refusal;

    const FORMAT: TokenFormat =
        TokenFormat { algorithms: ALGORITHMS, types: &["JWT"], type_is_optional: false };
    const DEPENDENCY: &'static str = "clerk";

    fn check(all: &[Self]) -> Result<(), SettingsError> {
        check(all)
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn keys(&self) -> &PublicKeySource {
        &self.keys
    }

    fn whose_keys(&self) -> String {
        format!("`{}`", self.issuer)
    }

    fn accept(&self, token: &UnverifiedToken<'_>, now: Timestamp) -> Result<Session, Refusal> {
        check_category(token.header())?;
        Claims::parse(token.claims())?.check(self, now)
    }
}
