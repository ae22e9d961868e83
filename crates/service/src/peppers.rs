//! The peppers: from the configuration or, on the embedded store, made once and kept beside it.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use capykeys_domain::{
    ports::Entropy,
    secret::{Pepper, PepperId, Peppers, RecordedPepper},
};
use zeroize::Zeroizing;

use crate::{
    adapters::SystemEntropy,
    config::{ConfigError, Keys, Secret},
};

const PEPPER_BYTES: usize = 32;
/// The file in the data folder.
const FILE: &str = "pepper";
/// What the pepper there is called in messages.
const NAME: &str = "keys.pepper";

/// The configured peppers. Where none is, and the store keeps one in a `directory` of its own, it is made
/// there as long as the store is empty. A pepper that is lost must not be replaced without a word: no key
/// would be recognised any more.
pub(crate) fn load(
    keys: &Keys,
    directory: Option<&Path>,
    store_is_empty: bool,
) -> Result<Peppers, ConfigError> {
    let current = match (configured(keys)?, directory) {
        (Some(secret), _) => secret,
        (None, Some(directory)) => kept_or_made(directory, store_is_empty)?,
        (None, None) => {
            return Err(ConfigError::Invalid(
                "keys.pepper must be set: 64 hexadecimal digits, such as `openssl rand -hex 32` prints"
                    .to_owned(),
            ));
        }
    };
    assemble(keys, &current)
}

/// Checks the configured peppers and makes none.
pub(crate) fn check(keys: &Keys, directory: Option<&Path>) -> Result<(), ConfigError> {
    match (configured(keys)?, directory) {
        (None, Some(_)) => Ok(()),
        _ => load(keys, directory, false).map(drop),
    }
}

/// Those that are configured or kept, and checked; `None` where there are none yet.
pub(crate) fn known(keys: &Keys, directory: Option<&Path>) -> Result<Option<Peppers>, ConfigError> {
    let kept = directory.is_some_and(|directory| directory.join(FILE).exists());
    if kept || configured(keys)?.is_some() { load(keys, directory, false).map(Some) } else { Ok(None) }
}

/// The first of the recorded peppers, or of those that are needed, that a store's keys cannot be recognised with: one of its
/// name has other bytes here, or none is there. New keys need the one whose turn was last.
pub(crate) fn misfit<'a>(
    own: &Peppers,
    recorded: &'a [RecordedPepper],
    needed: impl IntoIterator<Item = &'a PepperId>,
) -> Option<&'a PepperId> {
    let own = own.checks();
    let differs = |one: &&RecordedPepper| own.iter().any(|own| own.contradicts(&one.check));
    let last = RecordedPepper::of_last_turn(recorded);
    let needed = needed.into_iter().chain(last.map(|last| &last.check.id));
    let lacks = |id: &&PepperId| own.iter().all(|own| own.id != **id);
    recorded.iter().find(differs).map(|one| &one.check.id).or_else(|| needed.into_iter().find(lacks))
}

/// Says so where others than the owner and its group may read the secret.
fn warn_if_open(name: &str, path: Option<&Path>) {
    const OTHERS: u32 = 0o007;
    let mode = path.and_then(|path| fs::metadata(path).ok()).map_or(0, |file| file.permissions().mode());
    if mode & OTHERS != 0 {
        tracing::warn!(name, "the file with the pepper is open to everybody on this machine");
    }
}

fn configured(keys: &Keys) -> Result<Option<Secret>, ConfigError> {
    Secret::resolve("keys.pepper", keys.pepper.as_ref(), keys.pepper_file.as_deref())
}

fn assemble(keys: &Keys, current: &Secret) -> Result<Peppers, ConfigError> {
    warn_if_open("keys.pepper_file", keys.pepper_file.as_deref());
    let mut older = Vec::new();
    for (id, pepper) in &keys.older_peppers {
        let name = format!("keys.older_peppers.{id}.secret");
        let secret = Secret::resolve(&name, pepper.secret.as_ref(), pepper.secret_file.as_deref())?;
        warn_if_open(&format!("{name}_file"), pepper.secret_file.as_deref());
        let secret = secret.ok_or_else(|| ConfigError::Invalid(format!("{name} must be set")))?;
        older.push(parse(id, &name, &secret)?);
    }
    let current = parse(&keys.pepper_id, "keys.pepper", current)?;
    Peppers::new(current, older).map_err(|invalid| ConfigError::Invalid(invalid.to_string()))
}

fn parse(id: &str, name: &str, secret: &Secret) -> Result<Pepper, ConfigError> {
    let id = PepperId::parse(id).map_err(|invalid| ConfigError::Invalid(invalid.to_string()))?;
    let mut bytes = Zeroizing::new([0; PEPPER_BYTES]);
    hex::decode_to_slice(secret.expose(), bytes.as_mut())
        .map_err(|_| ConfigError::Invalid(format!("{name} must be 64 hexadecimal digits")))?;
    Ok(Pepper::new(id, bytes))
}

/// The pepper in the data folder. Of several processes that find none, the first to name its file
/// makes it, and all use that one.
fn kept_or_made(directory: &Path, may_make: bool) -> Result<Secret, ConfigError> {
    let path = directory.join(FILE);
    if !path.exists() {
        if !may_make {
            return Err(ConfigError::Invalid(format!(
                "{} is missing, and the store is in use: put it back, or set keys.pepper",
                path.display()
            )));
        }
        make(directory, &path).map_err(|error| ConfigError::File { name: NAME.to_owned(), error })?;
    }
    warn_if_open(NAME, Some(&path));
    Secret::read(NAME, &path)
}

fn make(directory: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = Zeroizing::new([0; PEPPER_BYTES]);
    SystemEntropy.fill(bytes.as_mut()).map_err(io::Error::other)?;
    let text = Zeroizing::new(hex::encode(bytes.as_slice()));
    // Written whole under another name first (mode 0600), so that a crash leaves no half pepper.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    File::open(directory)?.sync_all()?;
    fs::metadata(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_from(directory: &Path, store_is_empty: bool) -> Result<Peppers, ConfigError> {
        load(&Keys::default(), Some(directory), store_is_empty)
    }

    #[test]
    fn a_pepper_is_made_once_readable_by_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        load_from(directory.path(), true).unwrap();
        let path = directory.path().join("pepper");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        load_from(directory.path(), false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_pepper_that_is_lost_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let error = load_from(directory.path(), false).unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_pepper_is_refused_without_showing_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("pepper"), "hush").unwrap();
        let error = load_from(directory.path(), true).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn a_store_that_keeps_none_itself_needs_a_configured_pepper() {
        assert!(load(&Keys::default(), None, true).is_err());
        assert!(check(&Keys::default(), None).is_err());
    }
}
