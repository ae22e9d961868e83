//! The verifier.

use capykeys_domain::model::{ClusterCaller, ClusterSubject, Timestamp};
use capykeys_jwks::{
    PublicKeySource, SettingsError, Times, TokenFormat, TokenIssuer, TokenVerifier, UnverifiedToken,
    check_audience,
};

use crate::{
    refusal::Refusal,
    settings::{ALGORITHMS, ClusterSettings},
};

/// Verifies the tokens of one cluster's workloads.
pub type ClusterTokens = TokenVerifier<ClusterSettings>;

impl TokenIssuer for ClusterSettings {
    type Subject = ClusterCaller;
    type Refusal = Refusal;

    /// Kubernetes writes no `typ`.
    const FORMAT: TokenFormat =
        TokenFormat { algorithms: ALGORITHMS, types: &["JWT"], type_is_optional: true };
    const DEPENDENCY: &'static str = "cluster";
    const NAME: &'static str = "cluster";

    fn check(&self) -> Result<(), SettingsError> {
        // Compared to the letter: with white space, or without a letter, no token could match.
        let cannot_match = |text: &str| text.is_empty() || text.contains(char::is_whitespace);
        for (name, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if cannot_match(text) {
                let sentence = format!("The {name} of cluster tokens must be set, without white space.");
                return Err(SettingsError::new(sentence));
            }
        }
        Ok(())
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn keys(&self) -> &PublicKeySource {
        &self.keys
    }

    fn whose_keys(&self) -> String {
        "the cluster".to_owned()
    }

    /// By the claims (RFC 7519, section 4.1).
    fn accept(&self, token: &UnverifiedToken<'_>, now: Timestamp) -> Result<ClusterCaller, Refusal> {
        let claims = token.claims();
        check_audience(claims, Some(&self.audience))?;
        let subject = claims.text("sub").and_then(ClusterSubject::parse).ok_or(Refusal::Subject)?;
        Times::parse(claims)?.check(now, self.max_lifetime)?;
        if !self.subjects.is_empty() && !self.subjects.contains(&subject) {
            return Err(Refusal::NotAllowed);
        }
        Ok(ClusterCaller { subject })
    }
}
