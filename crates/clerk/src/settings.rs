//! What is configured.

use std::time::Duration;

use capykeys_jwks::{Algorithm, PublicKeySource};

/// What session tokens are signed with.
pub(crate) const ALGORITHMS: &[Algorithm] = &[Algorithm::Rs256];

/// One Clerk instance.
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    /// `iss` of its tokens, to the letter: `https://clerk.example.com`.
    pub issuer: String,
    /// Where its public keys come from.
    pub keys: PublicKeySource,
    /// What must be in `aud`. Without it, a token that has an `aud` is refused, for it is meant for somebody
    /// else; Clerk writes none unless it is told to.
    pub audience: Option<String>,
    /// How long a token may live, from its `iat` to its `exp`.
    pub max_lifetime: Duration,
    /// The `azp` that are accepted: the origins of the front ends, `https://app.example.com`.
    /// Where it is empty, every party is.
    pub authorized_parties: Vec<String>,
    /// Whether version 1 of the claims is accepted as well.
    pub claims_v1: bool,
}

impl InstanceSettings {
    /// An hour. Clerk's session tokens live a minute, and longer where an instance is set so.
    pub const DEFAULT_MAX_LIFETIME: Duration = Duration::from_hours(1);
}

#[cfg(test)]
mod tests {
    use capykeys_jwks::{SettingsError, check_issuers};

    use super::*;

    fn instance(issuer: &str, jwks: &str) -> InstanceSettings {
        InstanceSettings {
            issuer: issuer.to_owned(),
            keys: PublicKeySource::JwksUrl(jwks.parse().unwrap()),
            audience: None,
            max_lifetime: InstanceSettings::DEFAULT_MAX_LIFETIME,
            authorized_parties: vec!["https://app.example.com".to_owned()],
            claims_v1: false,
        }
    }

    fn check(instances: &[InstanceSettings]) -> Result<(), SettingsError> {
        check_issuers(instances)
    }

    const ISSUER: &str = "https://clerk.example.com";
    const JWKS: &str = "https://clerk.example.com/.well-known/jwks.json";

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for jwks in [JWKS, "http://127.0.0.1:9/jwks", "http://[::1]:9/jwks", "http://localhost/jwks"] {
            assert_eq!(check(&[instance(ISSUER, jwks)]), Ok(()), "{jwks}");
        }
        for jwks in [
            "http://clerk.example.com/jwks",
            "http://127.0.0.1.example.com/jwks",
            "http://10.0.0.1/jwks",
            "http://localhost.example.com/jwks",
            "file:///etc/jwks.json",
            "https://user@clerk.example.com/jwks",
            "https://user:secret@clerk.example.com/jwks",
        ] {
            let error = check(&[instance(ISSUER, jwks)]).unwrap_err();
            assert!(error.to_string().contains("must be an https URL"), "{jwks}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn an_issuer_that_could_match_no_token_is_refused() {
        for issuer in ["", "clerk.example.com", "https://clerk.example.com/", " https://clerk.example.com"] {
            assert!(check(&[instance(issuer, JWKS)]).is_err(), "{issuer}");
        }
    }

    #[test]
    fn a_password_in_an_issuer_or_a_party_is_not_repeated() {
        let secret = "https://u:hush@clerk.example.com";
        let party =
            InstanceSettings { authorized_parties: vec![format!("{secret}/")], ..instance(ISSUER, JWKS) };
        for instance in [instance(secret, JWKS), party] {
            let error = check(&[instance]).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn an_authorized_party_that_could_match_no_token_is_refused() {
        for party in ["", "https://app.example.com/", "https://app.example.com "] {
            let mut instance = instance(ISSUER, JWKS);
            instance.authorized_parties.push(party.to_owned());
            assert!(check(&[instance]).is_err(), "{party}");
        }
    }

    #[test]
    fn an_audience_that_could_match_no_token_is_refused() {
        for (audience, good) in [("", false), ("a b", false), (" ", false), ("https://api.example.com", true)]
        {
            let instance = InstanceSettings { audience: Some(audience.to_owned()), ..instance(ISSUER, JWKS) };
            assert_eq!(check(&[instance]).is_ok(), good, "{audience}");
        }
    }

    #[test]
    fn there_is_at_least_one_instance_and_none_twice() {
        assert!(check(&[]).is_err());
        assert!(check(&[instance(ISSUER, JWKS), instance("https://other.example.com", JWKS)]).is_ok());
        let error = check(&[instance(ISSUER, JWKS), instance(ISSUER, JWKS)]).unwrap_err();
        assert_eq!(error.to_string(), "The Clerk issuer `https://clerk.example.com` is configured twice.");
    }
}
