//! The command line.

mod backup;
mod create_key;
mod import_keys;
mod keys;
mod list_keys;
mod openapi;
mod report_keys;
mod revoke_keys;
mod update_key;

use std::path::PathBuf;

pub(crate) use backup::{Backup, BackupCommand, Restore};
use capykeys_domain::model::{
    ExternalOrganizationId, KeyId, OrganizationId, OrganizationName, ScopeCatalogue, Slug, SuspensionReason,
};
use clap::{
    Args, CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
pub(crate) use create_key::CreateKey;
pub(crate) use import_keys::ImportKeys;
pub(crate) use keys::{KeyOf, Keys};
pub(crate) use list_keys::ListKeys;
pub(crate) use openapi::Openapi;
pub(crate) use report_keys::{ReportFormat, ReportKeys};
pub(crate) use revoke_keys::{RevokeKeys, Revoked};
pub(crate) use update_key::UpdateKey;
use url::Url;

use crate::config::StorePlace;

/// Issues, lists, revokes and verifies API keys.
///
/// Without a configuration everything is kept in ./capykeys-data: run `capykeys serve` and follow
/// what it prints.
#[derive(Debug, Parser)]
#[command(name = "capykeys", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// A configuration file (TOML). Environment variables such as `CAPYKEYS__SERVER__LISTEN` go
    /// before it.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API until SIGTERM or Ctrl-C.
    Serve,
    /// Bring the store's schema up to date.
    Migrate,
    /// Print the OpenAPI document, with the default scopes; a server serves it with those that it has.
    Openapi(Openapi),
    /// Work on API keys, directly on the store.
    #[command(subcommand)]
    Keys(Keys),
    /// Work on organizations, directly on the store.
    #[command(subcommand)]
    Organizations(Organizations),
    /// Copy all that a store holds into an empty one, and compare the two.
    ///
    /// Whatever the source's servers write meanwhile makes it fail, so set `server.read_only` on them before. A copy that
    /// was cut off is gone on with by the same command; no server uses the target before it is whole.
    Copy(Copy),
    /// Look at the peppers that keys are hashed with.
    #[command(subcommand)]
    Peppers(Peppers),
    /// Write the store into a file, beside the servers: all but the peppers.
    Backup(Backup),
    /// Fill an empty store, of whichever kind, with a backup.
    Restore(Restore),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(Config),
    /// Look at the rules for requests behind gateways.
    #[command(subcommand)]
    Rules(Rules),
    /// Ask a running server whether it is ready: exit code 0 where it is. For container health
    /// checks.
    Health(Health),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Check a file with rules.
    Check {
        /// The file (TOML).
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Organizations {
    /// Create an organization and print it as JSON.
    Create {
        /// What it is called.
        #[arg(long, value_parser = parse_text(OrganizationName::parse))]
        name: OrganizationName,
        /// Its name in addresses; made of the name where it is left out.
        #[arg(long, value_parser = parse_text(Slug::parse))]
        slug: Option<Slug>,
        /// Its id at Clerk, so that its members can sign in with a session.
        #[arg(long, value_parser = clerk_organization_id)]
        clerk_organization_id: Option<ExternalOrganizationId>,
        /// The OpenID provider that signs its members in instead (the tokens' `iss`, to the letter).
        #[arg(
            long,
            value_name = "ISSUER",
            requires = "oidc_organization_id",
            conflicts_with = "clerk_organization_id"
        )]
        oidc_issuer: Option<String>,
        /// What it is called there: the id that the tokens' claim has.
        #[arg(long, value_name = "ID", requires = "oidc_issuer")]
        oidc_organization_id: Option<String>,
    },
    /// Print all organizations as JSON, oldest first.
    List,
    /// Call an organization something else. What is not given stays.
    Rename(RenameOrganization),
    /// Suspend an organization: all its callers are refused until it is resumed.
    Suspend {
        /// The organization's id.
        #[arg(value_parser = organization_id, value_name = "ORGANIZATION_ID")]
        organization: OrganizationId,
        /// Why; members can read it.
        #[arg(long, value_parser = parse_text(SuspensionReason::parse))]
        reason: Option<SuspensionReason>,
    },
    /// End an organization's suspension.
    Resume {
        /// The organization's id.
        #[arg(value_parser = organization_id, value_name = "ORGANIZATION_ID")]
        organization: OrganizationId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RenameOrganization {
    /// The organization's id.
    #[arg(value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: OrganizationId,
    /// What it is called.
    #[arg(long, value_parser = parse_text(OrganizationName::parse), required_unless_present = "slug")]
    pub(crate) name: Option<OrganizationName>,
    /// Its name in addresses.
    #[arg(long, value_parser = parse_text(Slug::parse))]
    pub(crate) slug: Option<Slug>,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The store to copy: its configuration file, or `sqlite:FOLDER`, or `postgres://…`.
    #[arg(long, value_name = "STORE")]
    pub(crate) from: StorePlace,
    /// The store to fill, likewise. On PostgreSQL it is filled by the role that owns the tables, which also makes them.
    #[arg(long, value_name = "STORE")]
    pub(crate) to: StorePlace,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Peppers {
    /// Print as JSON how many active keys need each pepper, and which are configured.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the configuration and print what is in force, as a file that says the same again, besides its secrets.
    Check,
    /// Print a file with every setting in it, what each means, and its default.
    Example,
    /// Print the JSON Schema of a file.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// The server's address; by default that of the configuration.
    #[arg(long)]
    pub(crate) url: Option<Url>,
}

impl Arguments {
    /// Whether there are the scopes that are asked for: the configuration says which there are.
    ///
    /// # Errors
    /// What is wrong with the command line, without what was given.
    pub(crate) fn check_scopes(&self, catalogue: &ScopeCatalogue) -> Result<(), clap::Error> {
        let scopes = match &self.command {
            Command::Keys(Keys::Create(key)) => &key.scopes,
            Command::Keys(Keys::Update(key)) => &key.edit.scopes,
            _ => return Ok(()),
        };
        if scopes.iter().all(|name| catalogue.contains(name)) {
            return Ok(());
        }
        let names = catalogue.definitions().iter().map(|one| one.scope.as_str());
        let sentence = format!("a `--scope` must be one of {}", names.collect::<Vec<_>>().join(", "));
        Err(Self::command().error(ErrorKind::InvalidValue, sentence))
    }
}

/// The command line, or the end of the program with what is wrong with it. What was given is not
/// repeated: a key is easily taken for its id.
pub(crate) fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| without_values(error).exit())
}

fn without_values(mut error: clap::Error) -> clap::Error {
    let hidden = || ContextValue::String("…".to_owned());
    if error.kind() == ErrorKind::UnknownArgument {
        error.insert(ContextKind::InvalidArg, hidden());
    }
    if error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, hidden());
    }
    error
}

fn parse_text<T, E: std::fmt::Display>(
    parse: fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| parse(text).map_err(|error| error.to_string())
}

fn organization_id(text: &str) -> Result<OrganizationId, &'static str> {
    OrganizationId::parse(text)
        .ok_or("an organization's id begins with org_, see `capykeys organizations list`")
}

fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or("a key's id begins with key_, see `capykeys keys list`")
}

fn clerk_organization_id(text: &str) -> Result<ExternalOrganizationId, &'static str> {
    ExternalOrganizationId::of_clerk(text).ok_or("an organization's id at Clerk begins with org_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    fn parsed<'a>(line: impl IntoIterator<Item = &'a str>) -> Result<Arguments, clap::Error> {
        let arguments = Arguments::try_parse_from(line)?;
        arguments.check_scopes(&ScopeCatalogue::default()).map(|()| arguments)
    }

    #[test]
    fn what_was_given_is_not_repeated() {
        let organization = "org_01h455vb4pex5vsknk084sn02q";
        for line in [
            &["keys", "revoke", "--organization", organization, "capy_live_hush"][..],
            &["keys", "revoke", "--organization", "capy_live_hush"],
            &["keys", "create", "--organization", organization, "--name", "a", "--scope", "capy_live_hush"],
            &["keys", "list", "--organization", organization, "capy_live_hush"],
            &["keys", "list", "--organization", organization, "--status", "capy_live_hush"],
            &["keys", "find", "capy_live_hush"],
            &["keys", "find", "--capy_live_hush"],
            &["keys", "list", "--organization", organization, "--capy_live_hush"],
        ] {
            let error = parsed(["capykeys"].iter().chain(line).copied()).unwrap_err();
            let text = without_values(error).to_string();
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn a_key_needs_a_scope() {
        let without = [
            "capykeys",
            "keys",
            "create",
            "--organization",
            "org_01h455vb4pex5vsknk084sn02q",
            "--name",
            "CI",
        ];
        assert!(parsed(without).is_err());
        assert!(parsed(without.into_iter().chain(["--scope", "*"])).is_ok());
        assert!(parsed(without.into_iter().chain(["--scope", "all"])).is_err());
    }
}
