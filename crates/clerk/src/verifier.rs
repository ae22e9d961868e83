//! The verifier.

use capykeys_domain::model::{Session, Timestamp};
use capykeys_jwks::{
    PublicKeySource, SettingsError, TokenFormat, TokenIssuer, TokenVerifier, UnverifiedToken, Url,
    is_trustworthy,
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
        // Compared to the letter, so a slash too many would refuse every token without a word.
        let is_issuer = Url::parse(&self.issuer).is_ok_and(|url| is_trustworthy(&url));
        if !is_issuer || self.issuer.ends_with('/') || self.issuer.contains(char::is_whitespace) {
            // Not repeated, for it may have a password in it.
            return Err(SettingsError::new(
                "A Clerk issuer must be an https URL without user name and password, and without a slash at its \
                 end.",
            ));
        }
        let cannot_match = |text: &String| text.is_empty() || text.contains(char::is_whitespace);
        if self.audience.as_ref().is_some_and(cannot_match) {
            return Err(SettingsError::new(format!(
                "The audience of the Clerk issuer `{}` must be a text without white space.",
                self.issuer
            )));
        }
        let odd =
            |party: &String| party.is_empty() || party.ends_with('/') || party.contains(char::is_whitespace);
        if self.authorized_parties.iter().any(odd) {
            return Err(SettingsError::new(format!(
                "An authorized party of the Clerk issuer `{}` must be an origin without a slash at its end, such \
                 as `https://app.example.com`.",
                self.issuer
            )));
        }
        self.keys.check().map_err(|error| self.unusable(error))?;
        if self.authorized_parties.is_empty() {
            tracing::warn!(issuer = self.issuer, "Clerk sessions of every party are accepted");
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
        check_category(token.header())?;
        Claims::parse(token.claims())?.check(self, now)
    }
}
