//! Mistakes that are planted in a copy of a crate, to see that a test would notice them.
//!
//! A mistake is a change of the crate's text, so that the crate itself knows nothing of it. A table of them is
//! a test file of the crate, made by [`mutants!`](crate::mutants):
//!
//! ```text
//! capykeys_testkit::mutants! {
//!     a_revocation_that_is_forgotten_is_caught: [in_suite("revoke::…", "what it says")],
//!         [("src/keys.rs", "revoked_at = $at", "revoked_at = NULL")];
//! }
//! ```
//!
//! What makes a row of the table worthless is a failure: a text that does not stand there once, a mutant
//! that does not compile, no test or one that does not exist, a test that does not end, and one that fails with
//! other words.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// In this file of the crate, this text, which stands there once, becomes that.
pub type Edit = (&'static str, &'static str, &'static str);

/// A test that fails for the mutant.
#[derive(Clone, Copy, Debug)]
pub struct Caught {
    /// How cargo calls what it is part of: `--lib`, or the name of a file in `tests`.
    pub target: &'static str,
    /// Its name in there.
    pub test: &'static str,
    /// Words of what it says then.
    pub says: &'static str,
}

/// What a test says where two values should be equal and it has no words of its own.
pub const DIFFERS: &str = "assertion `left == right` failed";
/// What it says where something should be so.
pub const FALSE: &str = "assertion failed";

/// A test of the crate's own library.
#[must_use]
pub const fn in_library(test: &'static str, says: &'static str) -> Caught {
    Caught { target: "--lib", test, says }
}

/// A case of the suite for storage adapters, which stands in `tests/conformance.rs`.
#[must_use]
pub const fn in_suite(test: &'static str, says: &'static str) -> Caught {
    Caught { target: "conformance", test, says }
}

/// How long a test may take: one that waits for ever has noticed nothing.
const PATIENCE: Duration = Duration::from_mins(3);

/// A case of the suite for stores in a folder, which stands in `tests/embedded.rs`.
#[must_use]
pub const fn in_embedded_suite(test: &'static str, says: &'static str) -> Caught {
    Caught { target: "embedded", test, says }
}

/// What stands in the manifest of this workspace.
const MEMBERS: &str = r#"members = ["crates/*", "tests"]"#;

/// There is one copy of a crate, so that each mutant compiles no more than what it changes.
static COPY: Mutex<()> = Mutex::new(());

/// A crate that mistakes are planted in: one of this workspace, or a project of its own.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Its folder: `CARGO_MANIFEST_DIR`.
    pub folder: &'static str,
    /// Where its tests may write: `CARGO_TARGET_TMPDIR`.
    pub scratch: &'static str,
}

impl Subject {
    /// Makes the edits in a copy of the crate and runs the tests, all of which must fail.
    ///
    /// # Panics
    /// Where they do not, or do so with other words.
    pub fn assert_caught(self, caught: &[Caught], edits: &[Edit]) {
        assert!(!caught.is_empty(), "no test is named that catches it");
        let _one_at_a_time = COPY.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = self.copy(edits);
        for Caught { target, test, says } in caught {
            assert!(!says.is_empty(), "{test} may fail for any reason");
            let (passed, said) = run(&build(&copy, self.target_folder(), target), &copy, test);
            assert!(said.contains("running 1 test\n"), "there is no test {test} in {target}: {said}");
            assert!(!passed && said.contains(says), "{test} has not caught it: {said}");
        }
    }

    /// The crate's texts by their places in its folder, with the edits made.
    ///
    /// # Panics
    /// Where an edit cannot be made.
    #[must_use]
    pub fn mutated(self, edits: &[Edit]) -> BTreeMap<PathBuf, String> {
        let folder = Path::new(self.folder);
        let mut texts = BTreeMap::new();
        for file in files(folder) {
            let place = file.strip_prefix(folder).expect("a file of the folder").to_owned();
            // What is no text is no source.
            let Ok(text) = fs::read_to_string(&file) else { continue };
            texts.insert(place, text);
        }
        for (file, from, to) in edits {
            let text = texts.get_mut(Path::new(file)).unwrap_or_else(|| panic!("there is no {file}"));
            *text = once(text, from, to);
        }
        texts
    }

    /// A workspace with a copy of the crate, which the edits are made in, beside the others as they are.
    /// The copy's folder.
    fn copy(self, edits: &[Edit]) -> PathBuf {
        let folder = Path::new(self.folder);
        let name = folder.file_name().expect("a name").to_string_lossy();
        let copied = Path::new(self.scratch).join(format!("mutants-{name}"));
        let mut texts = self.mutated(edits);
        let crates = folder.parent().expect("a folder around it");
        let workspace = crates.parent().unwrap_or(crates);
        match fs::read_to_string(workspace.join("Cargo.toml")) {
            Ok(manifest) if crates.ends_with("crates") && manifest.contains(MEMBERS) => {
                write(&copied.join("Cargo.toml"), &with_one_member(&manifest, &name, crates));
                write(&copied.join("Cargo.lock"), &read(&workspace.join("Cargo.lock")));
            }
            // A project of its own.
            _ => {
                let own = texts.get_mut(Path::new("Cargo.toml")).expect("a manifest");
                *own = own.replace("path = \"..", &format!("path = \"{}/..", folder.display()));
                // Else its artifacts would be taken for those of the project itself, which are in the same folder.
                *own = own.replacen("\nversion = \"", "\nversion = \"1000", 1);
            }
        }
        for (place, text) in texts {
            write(&copied.join(name.as_ref()).join(place), &text);
        }
        copied.join(name.as_ref())
    }

    /// With the artifacts of everything else in it.
    fn target_folder(self) -> &'static Path {
        Path::new(self.scratch).parent().expect("the target folder")
    }
}

/// The manifest of the workspace, of which this crate alone is a member, and the others are where they are.
fn with_one_member(manifest: &str, name: &str, crates: &Path) -> String {
    let manifest = once(manifest, MEMBERS, &format!(r#"members = ["{name}"]"#));
    let manifest = manifest.replace(&format!(r#"path = "crates/{name}""#), &format!(r#"path = "{name}""#));
    manifest.replace(r#"path = "crates/"#, &format!(r#"path = "{}/"#, crates.display()))
}

/// Compiles the tests of the mutant in `copy`; the program.
fn build(copy: &Path, target_folder: &Path, target: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--offline", "--no-run", "--target-dir"]).arg(target_folder).current_dir(copy);
    match target {
        "--lib" => cargo.arg(target),
        test => cargo.args(["--test", test]),
    };
    let built = cargo.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "the mutant does not compile: {said}");
    let named =
        |line: &str| line.trim().strip_prefix("Executable ")?.split(['(', ')']).nth(1).map(str::to_owned);
    said.lines().find_map(named).unwrap_or_else(|| panic!("cargo names no program: {said}"))
}

/// Whether the test passes, and what it says.
fn run(program: &str, copy: &Path, test: &str) -> (bool, String) {
    let output = copy.join("said");
    let file = File::create(&output).expect("a file");
    let mut child = Command::new(program)
        .args(["--exact", "--include-ignored", test])
        .current_dir(copy)
        .stdout(file.try_clone().expect("a file"))
        .stderr(file)
        .spawn()
        .expect("the test runs");
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().expect("it is ours") {
            Some(status) => break status,
            None if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            None => {
                child.kill().and_then(|()| child.wait()).expect("it is ours");
                panic!("{test} does not end: {}", read(&output));
            }
        }
    };
    (status.success(), read(&output))
}

/// A test of each mistake, run with `--ignored`, and one that each can still be made.
#[macro_export]
macro_rules! mutants {
    ($($name:ident: $caught:expr, $edits:expr;)*) => {
        const SUBJECT: $crate::mutants::Subject = $crate::mutants::Subject {
            folder: env!("CARGO_MANIFEST_DIR"),
            scratch: env!("CARGO_TARGET_TMPDIR"),
        };
        $(#[test]
        #[ignore = "compiles a mutant: make ci-full"]
        fn $name() {
            SUBJECT.assert_caught(&$caught, &$edits);
        })*

        #[test]
        fn every_edit_can_still_be_made() {
            $(let _ = SUBJECT.mutated(&$edits);)*
        }
    };
}

/// All files of a crate, but for what cargo makes, and what the service does where it is tried: keys and a pepper.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let own =
        entries.filter(|path| !["target", ".git", "capykeys-data"].iter().any(|other| path.ends_with(other)));
    own.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn once(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` has to stand there once");
    text.replacen(from, to, 1)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Leaves a file alone that is so already: cargo goes by its time.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("it is written");
}
