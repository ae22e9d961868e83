//! A line of what is imported.

use std::borrow::Cow;

use capykeys_domain::{
    model::{DeviceName, Invalid, KeyName, KeySpec, OrganizationId, ProjectId, Timestamp},
    secret::{BroughtDigest, BroughtSecret, KeyTexts},
    usecases::Environment,
};
use serde::Deserialize;
use serde_json::error::Category;

use crate::cli::CreateKey;

/// What a line says. A member that is not listed here is refused: one that was meant to bound a key must not be passed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(borrow)]
    format: Option<Cow<'a, str>>,
    #[serde(borrow)]
    digest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    secret: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key_prefix: Option<Cow<'a, str>>,
    #[serde(borrow)]
    organization_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    scopes: Option<Vec<String>>,
    #[serde(borrow)]
    project_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    expires_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    device_name: Option<Cow<'a, str>>,
}

/// A key that a line asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) organization: OrganizationId,
    pub(super) spec: KeySpec,
    pub(super) secret: BroughtSecret,
}

/// Why a line is not imported. Nothing of the line is repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("is no JSON (column {0})")]
    NoJson(usize),
    #[error("is no object of the members that there are, each of its type and once (column {0})")]
    OtherMembers(usize),
    #[error("{0}")]
    Broken(#[from] Invalid),
    #[error("{0}")]
    Rule(&'static str),
}

/// How lines are read.
pub(super) struct Reader<'e> {
    pub(super) environment: &'e Environment,
    /// Of lines that name none.
    pub(super) organization: Option<OrganizationId>,
    /// Whether a secret may be there in plaintext.
    pub(super) plaintext: bool,
}

impl Reader<'_> {
    pub(super) fn read(&self, line: &[u8]) -> Result<Asked, Refused> {
        // The parser would take an array of the members in their order as well.
        if line.first().is_some_and(|byte| *byte == b'[') {
            return Err(Refused::OtherMembers(1));
        }
        let members: Members<'_> = serde_json::from_slice(line).map_err(|error| match error.classify() {
            Category::Data => Refused::OtherMembers(error.column()),
            Category::Io | Category::Syntax | Category::Eof => Refused::NoJson(error.column()),
        })?;
        let digest = self.digest(&members)?;
        let environment = self.environment;
        let secret = BroughtSecret::new(environment.format(), digest, members.key_prefix.as_deref())?;
        let organization = match &members.organization_id {
            Some(id) => OrganizationId::parse(id),
            None => self.organization,
        };
        let organization =
            organization.ok_or(Refused::Rule("`organization_id` must be the id of an organization."))?;
        let name = members.name.as_deref().ok_or(Refused::Rule("`name` is required."))?;
        let texts = [&members.name, &members.device_name, &members.project_id].map(Option::as_deref);
        if members
            .secret
            .as_deref()
            .is_some_and(|secret| texts.iter().flatten().any(|text| text.contains(secret)))
        {
            return Err(Refused::Rule("no other member may hold the secret."));
        }
        let key = CreateKey {
            organization,
            name: KeyName::parse(name)?,
            scopes: members.scopes.ok_or(Refused::Rule("`scopes` is required."))?,
            project_id: members.project_id.as_deref().map(ProjectId::parse).transpose()?,
            expires_at: members.expires_at.map(|end| Timestamp::parse("expires_at", &end)).transpose()?,
            device_name: members.device_name.as_deref().map(DeviceName::parse).transpose()?,
            digest: None,
            key_prefix: None,
        };
        Ok(Asked { organization, spec: key.spec(environment)?, secret })
    }

    fn digest(&self, members: &Members<'_>) -> Result<BroughtDigest, Refused> {
        match (members.format.as_deref(), &members.digest, &members.secret) {
            (Some(format @ ("sha256-hex" | "sha256-base64")), Some(digest), None) => {
                let is_hex = digest.len() == 64;
                if is_hex != (format == "sha256-hex") {
                    return Err(Refused::Rule("`digest` must be as long as a SHA-256 is in its `format`."));
                }
                Ok(BroughtDigest::parse("digest", &["sha256:", digest].concat())?)
            }
            (Some("plaintext"), None, Some(_)) if !self.plaintext => {
                Err(Refused::Rule("a secret in plaintext is taken from standard input alone."))
            }
            (Some("plaintext"), None, Some(secret)) => {
                let texts = KeyTexts { format: self.environment.format(), brought: true };
                let key = texts.parse(secret);
                let digest = key.as_ref().and_then(|key| key.as_brought());
                digest.cloned().ok_or(Refused::Rule(
                    "`secret` must be 16 to 512 visible ASCII characters, not begin as keys do that are made here, and \
                     not be three parts with dots between them.",
                ))
            }
            (Some("sha256-hex" | "sha256-base64"), ..) => {
                Err(Refused::Rule("`digest` is required, and no `secret`."))
            }
            (Some("plaintext"), ..) => Err(Refused::Rule("`secret` is required, and no `digest`.")),
            _ => Err(Refused::Rule("`format` must be sha256-hex, sha256-base64 or plaintext.")),
        }
    }
}

#[cfg(test)]
mod tests;
