//! An installation of the service: its configuration and its store, on which commands run and
//! servers start.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Store, clerk, place::Place, postgres, secrets, settings, store::Tables, transcript::Transcript};

/// How long a command that ought to fail may take to do so.
const LIMIT: Duration = Duration::from_secs(5);

/// A configuration and a store of its own.
pub struct Installation {
    directory: TempDir,
    environment: BTreeMap<String, String>,
    file: Option<PathBuf>,
    open_files: Option<u32>,
    apart: bool,
    program: PathBuf,
    /// Where its store is; none where nothing is said of it.
    place: Option<Place>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Installation {
    /// An installation on an empty store, which accepts the sessions of [`clerk`].
    pub fn new(store: Store) -> Self {
        let installation = Self::bare();
        let place = Place::new(store, installation.directory());
        installation.on(place).migrated()
    }

    /// The same on an empty database of PostgreSQL, whose schema it makes.
    pub fn on_postgres(url: &str) -> Self {
        Self::on_database(url).migrated()
    }

    /// The same on a database of PostgreSQL as it is.
    pub fn on_database(url: &str) -> Self {
        let installation = Self::bare();
        let store = Store::with(Tables::Postgresql(()));
        let place = Place::of_database(store, installation.directory(), url);
        installation.on(place)
    }

    /// Another one on the same store, whose folder is this one's.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::bare().on(self.place().clone())
    }

    /// The same, which reaches its database by another address.
    #[must_use]
    pub fn by_way_of(self, url: &str) -> Self {
        let settings = self.place().by_way_of(url);
        self.set_all(settings.settings())
    }

    /// The same, which looks for its store where none is.
    #[must_use]
    pub fn cut_off(self) -> Self {
        let place = self.place().clone();
        self.set_all(place.unreachable())
    }

    /// What a newcomer has who sets nothing but a port that is free and logs that can be read.
    pub fn bare() -> Self {
        let directory = tempfile::tempdir().expect("a folder of its own");
        Self {
            directory,
            environment: BTreeMap::new(),
            file: None,
            open_files: None,
            apart: false,
            program: binary(),
            place: None,
        }
        .set("SERVER__LISTEN", "127.0.0.1:0")
        .set("INTERNAL__LISTEN", "127.0.0.1:0")
        // Servers of tests are stopped all the time, and nobody has to be told first.
        .set("SERVER__DRAIN", "0s")
        .set("LOG__FORMAT", "json")
    }

    /// What a newcomer has who sets nothing but the store.
    pub fn bare_on(store: Store) -> Self {
        let installation = Self::bare();
        let place = Place::new(store, installation.directory());
        let installation = installation.set_all(place.settings());
        Self { place: Some(place), ..installation }
    }

    fn on(self, place: Place) -> Self {
        let pem = self.directory().join("clerk.pem");
        fs::write(&pem, clerk::public_key_pem()).expect("the issuer's public key is written");
        let installation = self
            .set("KEYS__PEPPER", secrets::PEPPER)
            .set("LOG__LEVEL", "debug")
            .set("INTERNAL__GRPC_LISTEN", "127.0.0.1:0")
            .set("CLERK__INSTANCES__DEV__ISSUER", clerk::ISSUER)
            .set("CLERK__INSTANCES__DEV__PEM_FILE", &pem.to_string_lossy())
            .set_all(place.settings());
        Self { place: Some(place), ..installation }
    }

    fn migrated(self) -> Self {
        if self.place().store.is_migrated() {
            let _: Output = self.run(&["migrate"]).expect_success();
        }
        self
    }

    fn place(&self) -> &Place {
        self.place.as_ref().expect("not what a newcomer has")
    }

    fn set_all(self, settings: impl Iterator<Item = (&'static str, String)>) -> Self {
        settings.fold(self, |installation, (name, value)| installation.set(name, &value))
    }

    /// The same with a setting: the name is that of the environment variable, without `CAPYKEYS__`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(format!("CAPYKEYS__{name}"), value.to_owned());
        self
    }

    /// The same with a variable of the environment that is not ours.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with this configuration file.
    #[must_use]
    pub fn with_file(self, text: &str) -> Self {
        let file = self.directory().join("capykeys.toml");
        fs::write(&file, text).expect("the configuration is written");
        Self { file: Some(file), ..self }
    }

    /// The same with these rules for gateways, in `rules.toml`.
    #[must_use]
    pub fn with_rules(self, text: &str) -> Self {
        fs::write(self.directory().join("rules.toml"), text).expect("the rules are written");
        self.set("INTERNAL__AUTHORIZE__RULES_FILE", "rules.toml")
    }

    /// The same without a setting.
    #[must_use]
    pub fn unset(mut self, name: &str) -> Self {
        self.environment.remove(&format!("CAPYKEYS__{name}"));
        self
    }

    /// The same where a process may have no more than so many files open.
    #[must_use]
    pub fn with_open_files(self, limit: u32) -> Self {
        Self { open_files: Some(limit), ..self }
    }

    /// The same whose processes a terminal does not interrupt together with this one.
    #[must_use]
    pub fn apart(self) -> Self {
        Self { apart: true, ..self }
    }

    /// The same with another program than [`binary`].
    #[must_use]
    pub fn with_program(self, program: &Path) -> Self {
        Self { program: program.to_owned(), ..self }
    }

    /// The folder in which its commands run.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command line of the binary, ready to be started with nothing but this configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.open_files {
            None => Command::new(&self.program),
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", "ulimit -n \"$0\" && exec \"$@\""])
                    .arg(limit.to_string())
                    .arg(&self.program);
                shell
            }
        };
        if self.apart {
            command.process_group(0);
        }
        if let Some(file) = &self.file {
            command.arg("--config").arg(file);
        }
        command
            .args(arguments)
            .current_dir(self.directory())
            .env_clear()
            .env("PATH", settings::path())
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("the binary starts");
        Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that ought to fail, and ends it where it goes on instead.
    pub fn run_briefly(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = Transcript::of(child.stdout.take().expect("a pipe"));
        let stderr = Transcript::of(child.stderr.take().expect("a pipe"));
        let stderr = stderr.to_end(LIMIT);
        let _ = child.kill();
        let status = child.wait().expect("the process ends");
        Output { code: status.code(), stdout: stdout.to_end(LIMIT), stderr }
    }

    /// Changes rows of its store beside the service, as its owner can.
    ///
    /// # Panics
    /// Where the statement does not change exactly one.
    #[track_caller]
    pub fn change_row(&self, statement: &str) {
        let changed = match self.place().tables().expect("a store with tables that are known") {
            Tables::Postgresql(url) => postgres::execute(&url, statement),
            Tables::Sqlite(file) => {
                let database = rusqlite::Connection::open(file).expect("the database opens");
                let changed = database.execute(statement, []).expect("the statement is right");
                changed.try_into().expect("a count")
            }
        };
        assert_eq!(changed, 1, "{statement}");
    }

    /// The folder in which its store has made itself.
    ///
    /// # Panics
    /// Where the store is not one that does.
    pub fn data(&self) -> PathBuf {
        self.place().embedded().expect("an embedded store").into()
    }

    /// Whether this line says where its store is.
    pub fn leads_to_its_store(&self, line: &str) -> bool {
        self.place().is_named_in(line)
    }

    /// Runs a command that prints JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments).expect_success();
        serde_json::from_str(&output.stdout).expect("the command prints JSON")
    }
}

impl Output {
    /// Itself, where the command succeeded.
    ///
    /// # Panics
    /// Where it did not.
    #[track_caller]
    #[must_use = "a command is run for what it prints"]
    pub fn expect_success(self) -> Self {
        assert_eq!(self.code, Some(0), "the command failed: {}", self.stderr);
        self
    }

    /// The one line with which a command failed.
    ///
    /// # Panics
    /// Where it did not fail, or said more.
    #[track_caller]
    pub fn expect_failure(&self) -> &str {
        assert_eq!(self.code, Some(1), "the command ended otherwise: {}", self.stderr);
        let line = self.stderr.lines().find(|line| line.starts_with("error: "));
        line.unwrap_or_else(|| panic!("no line with `error: …`: {}", self.stderr))
    }
}

/// The binary under test, which is built beside the tests unless a file in `stores/` says otherwise.
///
/// # Panics
/// Where it is missing.
pub fn binary() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it stands");
    let profile = test.ancestors().nth(2).expect("tests stand in target/<profile>/deps");
    let binary = Store::first().program(profile);
    assert!(binary.exists(), "{} is missing: run `make test`, which builds it first", binary.display());
    binary
}
