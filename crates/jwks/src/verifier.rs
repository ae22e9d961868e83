//! What every verifier of tokens does.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{ClusterCaller, Session, Timestamp},
    ports::{BearerTokenError, Clock, ClusterCallers, IssuerVerifier, SessionVerifier, Unavailable},
    secret::BearerToken,
};
use tokio::runtime::Handle;

use crate::{
    cache::Environment,
    error::{TokenError, TokenRefusal},
    fetch::FetchJwks,
    issuer::IssuerKeys,
    source::{PublicKeySource, PublicKeySourceError, SettingsError},
    token::{TokenFormat, UnverifiedToken, claimed_issuer},
};

/// An issuer whose tokens are accepted: its settings, and what they make of a token.
pub trait TokenIssuer: Send + Sync + Sized {
    /// What a token stands for.
    type Subject: Send;
    /// Why one is refused.
    type Refusal: TokenRefusal;
    /// The form of the tokens of every issuer of this kind.
    const FORMAT: TokenFormat;
    /// What [`Unavailable`] names where keys cannot be had, such as `"clerk"`.
    const DEPENDENCY: &'static str;
    /// What it is called in the sentences of a [`SettingsError`], such as `"Clerk"`.
    const NAME: &'static str;

    /// Checks the settings.
    ///
    /// # Errors
    /// [`SettingsError`] for settings that cannot be worked with.
    fn check(&self) -> Result<(), SettingsError>;

    /// `iss` of its tokens, to the letter.
    fn issuer(&self) -> &str;

    /// Where its public keys come from.
    fn keys(&self) -> &PublicKeySource;

    /// What a token of this issuer stands for at `now`, by its header and its claims. It stands for nobody
    /// until the signature is checked, which follows: what these rule out costs neither it nor a fetch.
    ///
    /// # Errors
    /// The reason where they do not hold what they should.
    fn accept(&self, token: &UnverifiedToken<'_>, now: Timestamp) -> Result<Self::Subject, Self::Refusal>;

    /// Whose keys those are, in the sentence that says that they cannot be worked with.
    fn whose_keys(&self) -> String {
        format!("`{}`", self.issuer())
    }

    /// The sentence for a source of keys that cannot be worked with.
    fn unusable(&self, error: PublicKeySourceError) -> SettingsError {
        SettingsError::new(error.sentence(&self.whose_keys(), Self::FORMAT.algorithms))
    }
}

/// Checks the settings of all issuers that are accepted together: at least one, and none twice.
///
/// # Errors
/// [`SettingsError`] for settings that cannot be worked with.
pub fn check_issuers<I: TokenIssuer>(issuers: &[I]) -> Result<(), SettingsError> {
    if issuers.is_empty() {
        return Err(SettingsError::new(format!("At least one {} issuer must be configured.", I::NAME)));
    }
    let mut known = HashSet::new();
    for issuer in issuers {
        issuer.check()?;
        if !known.insert(issuer.issuer()) {
            let sentence = format!("The {} issuer `{}` is configured twice.", I::NAME, issuer.issuer());
            return Err(SettingsError::new(sentence));
        }
    }
    Ok(())
}

/// Verifies the tokens of the issuers that are configured.
///
/// The token's `iss` picks the issuer, to the letter; only that one's keys and settings count from then on,
/// even where two share a `kid`.
pub struct TokenVerifier<I: TokenIssuer> {
    issuers: Vec<(I, IssuerKeys)>,
    clock: Arc<dyn Clock>,
    refusals: Vec<(I::Refusal, AtomicU64)>,
}

impl<I: TokenIssuer> TokenVerifier<I> {
    /// Checks the settings and puts the verifier together. No key is fetched yet: see
    /// [`warm_up`](Self::warm_up).
    ///
    /// `runtime` must have its I/O and its timer enabled. Fetches run there, so that tokens can be verified
    /// from any runtime, or none.
    ///
    /// # Errors
    /// [`SettingsError`] for settings that cannot be worked with.
    pub fn new(
        issuers: Vec<I>,
        clock: Arc<dyn Clock>,
        fetcher: Arc<dyn FetchJwks>,
        runtime: Handle,
    ) -> Result<Self, SettingsError> {
        check_issuers(&issuers)?;
        let environment = Environment {
            clock: Arc::clone(&clock),
            fetcher,
            runtime,
            algorithms: I::FORMAT.algorithms,
            dependency: I::DEPENDENCY,
        };
        let issuers = issuers.into_iter().map(|issuer| {
            let keys = IssuerKeys::new(issuer.keys(), &environment);
            let keys = keys.map_err(|error| issuer.unusable(error))?;
            Ok((issuer, keys))
        });
        let issuers = issuers.collect::<Result<_, _>>()?;
        let refusals = I::Refusal::all().map(|refusal| (refusal, AtomicU64::new(0))).collect();
        Ok(Self { issuers, clock, refusals })
    }

    /// Puts another public key (PEM) in the place of the configured one of an issuer, for every token that comes later.
    ///
    /// # Errors
    /// [`SettingsError`] where it cannot be worked with; then the key of before stays.
    pub fn replace_key(&self, issuer: &str, pem: &str) -> Result<(), SettingsError> {
        let mut of_issuer = self.issuers.iter().filter(|(known, _)| known.issuer() == issuer);
        of_issuer.try_for_each(|(issuer, keys)| {
            keys.replace(pem, I::FORMAT.algorithms).map_err(|error| issuer.unusable(error))
        })
    }

    /// Starts to fetch the keys of every issuer and comes back at once. What fails is tried again when a
    /// token comes.
    pub fn warm_up(&self) {
        self.issuers.iter().for_each(|(_, keys)| keys.warm_up());
    }

    /// How many tokens were refused since the start, for each reason there is: for a metric.
    pub fn refusals(&self) -> impl Iterator<Item = (I::Refusal, u64)> {
        self.refusals.iter().map(|(refusal, count)| (*refusal, count.load(Ordering::Relaxed)))
    }

    async fn subject(&self, token: &BearerToken) -> Result<Result<I::Subject, I::Refusal>, Unavailable> {
        let outcome = self.judge(token).await?;
        if let Err(refusal) = &outcome
            && let Some((_, count)) = self.refusals.iter().find(|(one, _)| one == refusal)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(outcome)
    }

    async fn judge(&self, token: &BearerToken) -> Result<Result<I::Subject, I::Refusal>, Unavailable> {
        let token = match UnverifiedToken::parse(token.expose(), &I::FORMAT) {
            Ok(token) => token,
            Err(error) => return Ok(Err(error.into())),
        };
        match self.accepted(&token) {
            Ok((subject, keys)) => Ok(keys.check(&token).await?.map(|()| subject).map_err(TokenError::into)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn accepted(&self, token: &UnverifiedToken<'_>) -> Result<(I::Subject, &IssuerKeys), I::Refusal> {
        let issuer = token.claims().text("iss");
        let issuer = self.issuers.iter().find(|(known, _)| issuer == Some(known.issuer()));
        let (issuer, keys) = issuer.ok_or(I::Refusal::OF_ANOTHER_ISSUER)?;
        Ok((issuer.accept(token, self.clock.now())?, keys))
    }
}

#[async_trait]
impl<I: TokenIssuer<Subject = Session>> SessionVerifier for TokenVerifier<I> {
    async fn verify_session(&self, token: &BearerToken) -> Result<Session, BearerTokenError> {
        self.subject(token).await?.map_err(|refusal| BearerTokenError::Refused(refusal.as_str()))
    }
}

impl<I: TokenIssuer<Subject = Session>> IssuerVerifier for TokenVerifier<I> {
    fn recognizes(&self, token: &BearerToken) -> bool {
        let issuer = claimed_issuer(token.expose());
        issuer.is_some_and(|issuer| self.issuers.iter().any(|(known, _)| known.issuer() == issuer))
    }

    fn warm_up(&self) {
        self.warm_up();
    }

    fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.refusals().map(|(refusal, count)| (refusal.as_str(), count)).collect()
    }
}

#[async_trait]
impl<I: TokenIssuer<Subject = ClusterCaller>> ClusterCallers for TokenVerifier<I> {
    async fn verify_workload(&self, token: &BearerToken) -> Result<ClusterCaller, BearerTokenError> {
        self.subject(token).await?.map_err(|refusal| BearerTokenError::Refused(refusal.as_str()))
    }
}
