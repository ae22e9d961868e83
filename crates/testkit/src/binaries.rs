//! Where PostgreSQL's programs are.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The directory with `initdb` and `postgres`: the one that `CAPYKEYS_TEST_PGBIN` names, else that
/// of the newest system package, else what `scripts/postgres` installed under `target/postgres`.
pub(crate) fn directory() -> PathBuf {
    if let Some(named) = named() {
        assert!(is_complete(&named), "CAPYKEYS_TEST_PGBIN names {}, which has no initdb", named.display());
        return named;
    }
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/postgres");
    newest_package()
        .or_else(|| below(&installed, 6))
        .expect("no PostgreSQL server was found: run `make postgres`, or set CAPYKEYS_TEST_PGBIN")
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration to read this from")]
fn named() -> Option<PathBuf> {
    std::env::var_os("CAPYKEYS_TEST_PGBIN").filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn is_complete(directory: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| directory.join(program).is_file())
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Debian and its relatives keep every major version in a directory of its own.
fn newest_package() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = entries(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .filter(|(_, bin)| is_complete(bin))
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// The first complete `bin` directory, with its links resolved: the way through them may be one
/// that only root can go.
fn below(directory: &Path, depth: u32) -> Option<PathBuf> {
    if directory.ends_with("bin") && is_complete(directory) {
        return directory.canonicalize().ok();
    }
    let deeper = depth.checked_sub(1)?;
    entries(directory).iter().filter(|path| path.is_dir()).find_map(|path| below(path, deeper))
}
