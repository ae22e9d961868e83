//! Rules that hold for every source file and every manifest.

use std::{
    fs,
    path::{Path, PathBuf},
};

const LONGEST_FILE: usize = 300;
const LONGEST_MAIN: usize = 60;

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn files_below(directory: &Path, wanted: &impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a folder that can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path, wanted));
        } else if wanted(&path) {
            files.push(path);
        }
    }
    files
}

/// Every source file under `crates/*/src`.
fn production_files() -> Vec<PathBuf> {
    let files = files_below(&root().join("crates"), &|path| {
        path.extension().is_some_and(|extension| extension == "rs")
            && path.ancestors().any(|folder| folder.ends_with("src"))
    });
    assert!(files.len() > 50, "the files were not found");
    files
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).expect("a source file").lines().count()
}

#[test]
fn no_production_file_is_too_long() {
    let long: Vec<_> = production_files()
        .into_iter()
        .map(|path| (lines(&path), path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines: {long:#?}");
}

#[test]
fn the_binary_begins_in_a_few_lines() {
    let lines = lines(&root().join("crates/service/src/main.rs"));
    assert!(lines <= LONGEST_MAIN, "main.rs has {lines} lines");
}

#[test]
fn every_crate_inherits_the_workspaces_lints() {
    let mut manifests = files_below(&root().join("crates"), &|path| path.ends_with("Cargo.toml"));
    manifests.push(root().join("tests/Cargo.toml"));
    assert!(manifests.len() >= 9, "the manifests were not found");
    for manifest in manifests {
        let text = fs::read_to_string(&manifest).expect("a manifest");
        assert!(text.contains("[lints]\nworkspace = true\n"), "{}", manifest.display());
    }
}

#[test]
fn lints_are_expected_and_never_allowed() {
    for path in production_files() {
        let text = fs::read_to_string(&path).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let forbidden = ["#[allow(", "#![allow(", "todo!(", "unimplemented!("];
            let found = forbidden.iter().find(|forbidden| line.contains(*forbidden));
            assert!(found.is_none(), "{}:{}: {line}", path.display(), number + 1);
        }
    }
}
