//! Sessions at OpenID providers.

use std::{collections::BTreeMap, path::PathBuf};

use capykeys_domain::model::{ExternalOrganizationId, Role};
use capykeys_oidc::{Algorithm, ClaimPath, OrganizationSource, ProviderSettings, PublicKeySource, TokenType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    ConfigError, Period,
    check::LIFETIMES,
    forms::list,
    rule::{self, broken, issuer, one, trustworthy, within},
};

/// One OpenID provider.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    /// The tokens' `iss`, to the letter.
    #[schemars(example = &"https://id.example.com/realms/acme")]
    pub(crate) issuer: String,
    /// What may be in the tokens' `aud`; with commas in the environment, as all lists.
    #[schemars(example = ["capykeys"])]
    #[serde(deserialize_with = "list")]
    pub(crate) audiences: Vec<String>,
    /// Where its public keys are; found by the issuer's metadata unless it is set.
    #[schemars(example = &"https://id.example.com/realms/acme/jwks")]
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "rule::serialize_shown")]
    pub(crate) jwks_url: Option<Url>,
    /// Instead, a file with its public key (PEM). It is read again when it changes.
    #[schemars(example = &"/etc/capykeys/provider.pem")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pem_file: Option<PathBuf>,
    /// What tokens may be signed with.
    #[serde(default = "algorithms", deserialize_with = "list")]
    pub(crate) algorithms: Vec<String>,
    /// The tokens' `typ`: `at+jwt`, `JWT`, or `none` where they have none.
    #[serde(default = "types", deserialize_with = "list")]
    pub(crate) types: Vec<String>,
    /// Ids of the clients (`azp`, `client_id`) whose tokens are accepted; all unless it is set.
    #[schemars(example = ["console"])]
    #[serde(default, deserialize_with = "list")]
    pub(crate) authorized_parties: Vec<String>,
    /// How long a token may live, from its `iat` to its `exp`: `10s` to `365d`.
    #[serde(default = "max_lifetime")]
    pub(crate) max_lifetime: Period,
    /// The claim with the user's id.
    #[serde(default = "user_claim")]
    pub(crate) user_claim: String,
    /// The id of the one organization that the provider is for.
    #[schemars(example = &"acme")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<String>,
    /// Where the provider is for several, the claim with the organization's id; `org_id` unless it is set.
    #[schemars(example = &"org_id")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization_claim: Option<String>,
    /// The claim with the organization's name.
    #[serde(default = "organization_name_claim")]
    pub(crate) organization_name_claim: String,
    /// The claim with the names of the user's roles.
    #[serde(default = "roles_claim")]
    pub(crate) roles_claim: String,
    /// What a role of the provider is here.
    #[serde(default)]
    #[schemars(example = BTreeMap::from([("Capy Admins", "org:admin")]))]
    pub(crate) roles: BTreeMap<String, String>,
}

fn algorithms() -> Vec<String> {
    [Algorithm::Rs256, Algorithm::Es256].map(|one| one.name().to_owned()).into()
}

fn types() -> Vec<String> {
    vec!["at+jwt".to_owned()]
}

fn max_lifetime() -> Period {
    ProviderSettings::DEFAULT_MAX_LIFETIME.into()
}

fn user_claim() -> String {
    "sub".to_owned()
}

fn organization_name_claim() -> String {
    "org_name".to_owned()
}

fn roles_claim() -> String {
    "roles".to_owned()
}

/// Where the id of an organization is at those providers that have them, such as Auth0 and WorkOS.
const ORGANIZATION_CLAIM: &str = "org_id";

impl Provider {
    /// Where its keys come from, where that is no file.
    pub(crate) fn fetched_keys(&self) -> PublicKeySource {
        match &self.jwks_url {
            Some(url) => PublicKeySource::JwksUrl(url.clone()),
            None => PublicKeySource::Discovery { issuer: self.issuer.clone() },
        }
    }

    /// What is set in the section of this name.
    pub(crate) fn settings(
        &self,
        section: &str,
        keys: PublicKeySource,
    ) -> Result<ProviderSettings, ConfigError> {
        let name = |setting: &str| format!("oidc.{section}.{setting}");
        issuer(&name("issuer"), &self.issuer)?;
        let url = Url::parse(&self.issuer);
        let url = url.map_err(|_| broken(&name("issuer"), "must be an https URL"))?;
        trustworthy(&name("issuer"), &url)?;
        if let Some(url) = &self.jwks_url {
            trustworthy(&name("jwks_url"), url)?;
        }
        within(&name("max_lifetime"), self.max_lifetime, LIFETIMES)?;
        for (setting, texts) in
            [("audiences", &self.audiences), ("authorized_parties", &self.authorized_parties)]
        {
            each(&name(setting), texts, one)?;
        }
        let claim = |setting: &str, text: &str| {
            let rule = "must name a claim: `sub`, `realm_access.roles`, a URL, or a JSON pointer";
            ClaimPath::parse(text).ok_or_else(|| broken(&name(setting), rule))
        };
        Ok(ProviderSettings {
            issuer: self.issuer.clone(),
            keys,
            audiences: self.audiences.clone(),
            algorithms: each(&name("algorithms"), &self.algorithms, algorithm)?,
            types: each(&name("types"), &self.types, token_type)?,
            authorized_parties: self.authorized_parties.clone(),
            max_lifetime: self.max_lifetime.duration(),
            user: claim("user_claim", &self.user_claim)?,
            organization: match (&self.organization, &self.organization_claim) {
                (Some(_), Some(_)) => {
                    let rule = "is for a provider without `organization`, which says the same of every token";
                    return Err(broken(&name("organization_claim"), rule));
                }
                (Some(id), None) => self.organization(&name("organization"), id)?,
                (None, path) => OrganizationSource::Claim(claim(
                    "organization_claim",
                    path.as_deref().unwrap_or(ORGANIZATION_CLAIM),
                )?),
            },
            organization_name: claim("organization_name_claim", &self.organization_name_claim)?,
            roles: claim("roles_claim", &self.roles_claim)?,
            role_names: self.role_names(&name("roles"))?,
        })
    }

    fn organization(&self, name: &str, id: &str) -> Result<OrganizationSource, ConfigError> {
        one(name, id)?;
        match ExternalOrganizationId::of_issuer(&self.issuer, id) {
            Some(_) => Ok(OrganizationSource::Fixed(id.to_owned())),
            None => Err(broken(name, "must be an id of at most 74 letters and digits")),
        }
    }

    fn role_names(&self, name: &str) -> Result<BTreeMap<String, Role>, ConfigError> {
        let roles = self.roles.iter().map(|(theirs, ours)| {
            let broken = || {
                let name = format!("{name}.{theirs:?}");
                broken(&name, "must be the name of a role here, such as `org:admin`")
            };
            Ok((theirs.clone(), Role::parse(ours).ok_or_else(broken)?))
        });
        roles.collect()
    }
}

/// Reads each of a list by its place.
fn each<T>(
    name: &str,
    texts: &[String],
    read: impl Fn(&str, &str) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    texts.iter().enumerate().map(|(at, text)| read(&format!("{name}[{at}]"), text)).collect()
}

fn algorithm(name: &str, text: &str) -> Result<Algorithm, ConfigError> {
    let known = [Algorithm::Rs256, Algorithm::Es256].into_iter().find(|known| known.name() == text);
    known.ok_or_else(|| broken(name, "must be `RS256` or `ES256`"))
}

fn token_type(name: &str, text: &str) -> Result<TokenType, ConfigError> {
    match text {
        "at+jwt" => Ok(TokenType::AccessToken),
        "JWT" => Ok(TokenType::Jwt),
        "none" => Ok(TokenType::Untyped),
        _ => Err(broken(name, "must be `at+jwt`, `JWT` or `none`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<ProviderSettings, String> {
        let text = format!("issuer = 'https://id.example.com'\naudiences = 'capykeys'\n{text}");
        let provider: Provider = toml::from_str(&text).map_err(|error| error.to_string())?;
        provider.settings("x", provider.fetched_keys()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_is_what_the_standards_say() {
        let settings = settings("").unwrap();
        assert_eq!(settings.types, [TokenType::AccessToken]);
        assert_eq!(settings.algorithms, [Algorithm::Rs256, Algorithm::Es256]);
        assert_eq!(settings.user.to_string(), "sub");
        assert!(settings.role_names.is_empty());
        assert!(
            matches!(settings.keys, PublicKeySource::Discovery { issuer } if issuer == "https://id.example.com")
        );
    }

    #[test]
    fn an_organization_is_fixed_or_claimed() {
        let fixed = settings("organization = 'acme'").unwrap().organization;
        assert_eq!(fixed, OrganizationSource::Fixed("acme".to_owned()));
        let claimed = settings("organization_claim = 'tid'").unwrap().organization;
        assert_eq!(claimed, OrganizationSource::Claim(ClaimPath::parse("tid").unwrap()));
        let error = settings("organization = 'acme'\norganization_claim = 'tid'").unwrap_err();
        assert!(error.contains("oidc.x.organization_claim"), "{error}");
    }

    #[test]
    fn roles_have_the_names_that_they_have_there() {
        let roles = settings("[roles]\n'Capy Admins' = 'admin'\n'b.c' = 'org:billing'\n").unwrap().role_names;
        assert_eq!(roles["Capy Admins"], Role::admin());
        assert_eq!(roles["b.c"], Role::parse("org:billing").unwrap());
    }
}
