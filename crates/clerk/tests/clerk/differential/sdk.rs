//! Clerk's own SDK, in a process of Node.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use capykeys_clerk::InstanceSettings;
use serde::Deserialize;
use serde_json::{Value, json};

use super::case::{Case, Settings};
use crate::support::{ISSUER, NOW, signing_key};

/// What the SDK says of a token.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) signed_in: bool,
    #[expect(dead_code, reason = "shown where the verdicts differ")]
    reason: Option<String>,
    /// The version that the SDK read the claims as.
    #[serde(default)]
    pub(super) version: u8,
    /// Whatever the claims hold: the SDK does not look at their types.
    #[serde(default)]
    pub(super) user: Value,
    #[serde(default)]
    pub(super) organization: Value,
    #[serde(default)]
    pub(super) role: Value,
    #[serde(default)]
    pub(super) slug: Value,
    #[serde(default)]
    pub(super) actor: bool,
}

/// The prepared folder and the Node to run it with.
pub(super) struct Sdk {
    package: PathBuf,
    node: PathBuf,
}

impl Sdk {
    /// As `scripts/clerk-differential` has prepared it.
    #[expect(clippy::disallowed_methods, reason = "the script says in the environment what it prepared")]
    pub(super) fn prepared() -> Self {
        let package = env::var_os("CAPYKEYS_CLERK_DIFFERENTIAL").expect("run scripts/clerk-differential");
        let node = env::var_os("CAPYKEYS_CLERK_DIFFERENTIAL_NODE").unwrap_or_else(|| "node".into());
        Self { package: package.into(), node: node.into() }
    }

    /// What the SDK says of each of the tokens, with the clock standing as the case has it.
    pub(super) fn verdicts(
        &self,
        cases: &[Case],
        configured: impl Fn(Settings) -> InstanceSettings,
    ) -> Vec<Verdict> {
        let mut node = Command::new(&self.node);
        let node = node.arg("verdicts.mjs").current_dir(&self.package);
        let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Node starts");
        let mut input = node.stdin.take().unwrap();
        let key = signing_key().public_pem();
        let lines: Vec<_> = cases.iter().map(|case| line(case, &configured(case.settings), &key)).collect();
        // Beside the reading: neither of the two pipes holds it all.
        let writer = thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));
        let answers = BufReader::new(node.stdout.take().unwrap()).lines();
        let verdicts = answers.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        writer.join().unwrap().expect("Node reads to the end");
        assert!(node.wait().unwrap().success(), "Node failed: has the SDK touched the network?");
        verdicts
    }
}

fn line(case: &Case, configured: &InstanceSettings, key: &str) -> String {
    json!({
        "token": case.token,
        "now_ms": NOW * 1_000 + case.clock_ms,
        "issuer": ISSUER,
        "authorized_parties": configured.authorized_parties,
        "audience": configured.audience,
        "jwt_key": key,
    })
    .to_string()
}
