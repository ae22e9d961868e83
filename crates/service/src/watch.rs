//! What is read again while the service runs.
//!
//! Files are looked at every few seconds by reading them. Kubernetes changes a mounted `ConfigMap` or Secret by swapping a
//! link above the file, which watches of the file itself do not see, and reading costs nothing to speak of.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use capykeys_clerk::{TokenIssuer, TokenVerifier};
use opentelemetry::{KeyValue, global, metrics::Counter};
use tokio::{sync::Notify, time::timeout};
use zeroize::Zeroizing;

use crate::{config::Secret, error::Error};

/// How long a change may go unseen.
const EVERY: Duration = Duration::from_secs(2);

static FAILURES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("capykeys")
        .u64_counter("capykeys.reload.failures")
        .with_description("Attempts to read a file again that failed")
        .build()
});

/// Counts attempts to read again what a setting names, which is one of a few: names of somebody's own are left out.
pub(crate) fn count_failures(setting: &'static str, failures: u64) {
    FAILURES.add(failures, &[KeyValue::new("setting", setting)]);
}

/// Files that belong together, and what is done with them.
pub(crate) struct Watched {
    /// The setting or section that names them, without names of somebody's own.
    setting: &'static str,
    files: Vec<PathBuf>,
    /// Reads them. Where it fails, what was in force stays so.
    apply: Box<dyn Fn() -> Result<(), Error> + Send>,
    /// What was in them when they were last read well, as a hash: some hold secrets.
    seen: u64,
    /// What was in them when it was last told that they cannot be read, if that was the last time.
    told: Option<u64>,
    /// Whether they may have changed from when the start read them, which may be long ago, until they were first seen.
    is_unsure: bool,
}

impl Watched {
    /// These files, which the start has read.
    pub(crate) fn new(
        setting: &'static str,
        files: Vec<PathBuf>,
        apply: impl Fn() -> Result<(), Error> + Send + 'static,
    ) -> Self {
        let seen = hash(&files);
        count_failures(setting, 0);
        Self { setting, files, apply: Box::new(apply), seen, told: None, is_unsure: true }
    }

    /// The file with the public key of an issuer, of a setting with this full `name`.
    pub(crate) fn key<I: TokenIssuer + 'static>(
        setting: &'static str,
        name: String,
        file: &Path,
        verifier: &Arc<TokenVerifier<I>>,
        issuer: &str,
    ) -> Self {
        let (path, verifier, issuer) = (file.to_owned(), Arc::clone(verifier), issuer.to_owned());
        Self::new(setting, vec![file.to_owned()], move || {
            Ok(verifier.replace_key(&issuer, Secret::read(&name, &path)?.expose())?)
        })
    }

    /// Reads the files again where they have changed since they were read well, or may have, or where somebody asks for it.
    fn look(&mut self, asked: bool) {
        let (found, told) = (hash(&self.files), self.told.take());
        let is_known = found == self.seen && !asked;
        if is_known && !self.is_unsure {
            return;
        }
        match (self.apply)() {
            Ok(()) => {
                (self.seen, self.is_unsure) = (found, false);
                if !is_known {
                    tracing::info!(setting = self.setting, "read again");
                }
            }
            // It is tried again, since it may be no mistake of the files. Of the same mistake it is told once.
            Err(error) => {
                self.told = Some(found);
                count_failures(self.setting, 1);
                if asked || told != self.told {
                    tracing::warn!(setting = self.setting, %error, "cannot be read again: what was in force stays so");
                }
            }
        }
    }
}

/// Looks at all of it for ever, and at once where `asked` says so.
pub(crate) async fn run(mut watched: Vec<Watched>, asked: Arc<Notify>) {
    loop {
        let asked = timeout(EVERY, asked.notified()).await.is_ok();
        let looking = tokio::task::spawn_blocking(move || {
            for one in &mut watched {
                one.look(asked);
            }
            watched
        });
        // It ends with a panic alone, which is in the log.
        let Ok(looked) = looking.await else { return };
        watched = looked;
    }
}

fn hash(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file).ok().map(Zeroizing::new).as_deref().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::symlink,
        sync::{
            Mutex,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
    };

    use super::*;

    /// A folder as Kubernetes mounts it: `file` leads to `..data/file`, and `..data` to a folder with a time in its name.
    struct Mounted(tempfile::TempDir);

    impl Mounted {
        fn new(content: &str) -> Self {
            let mounted = Self(tempfile::tempdir().unwrap());
            mounted.swap("1", content);
            symlink("..data/file", mounted.file()).unwrap();
            mounted
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("file")
        }

        fn swap(&self, time: &str, content: &str) {
            let folder = self.0.path().join(format!("..{time}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("file"), content).unwrap();
            let new = self.0.path().join("..data_tmp");
            symlink(folder.file_name().unwrap(), &new).unwrap();
            fs::rename(new, self.0.path().join("..data")).unwrap();
        }
    }

    #[test]
    fn a_file_is_read_again_where_the_link_above_it_was_swapped_and_not_otherwise() {
        let (mounted, read) = (Mounted::new("a"), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&read);
        let mut watched = Watched::new("test", vec![mounted.file()], move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let mut read_after = |asked| {
            watched.look(asked);
            read.load(Ordering::Relaxed)
        };
        // Once more than it was: it may have changed since the start read it.
        assert_eq!([read_after(false), read_after(false)], [1, 1]);
        mounted.swap("2", "b");
        assert_eq!([read_after(false), read_after(false)], [2, 2]);
        mounted.swap("3", "b");
        assert_eq!([read_after(false), read_after(true)], [2, 3]);
        fs::remove_file(mounted.file()).unwrap();
        assert_eq!(read_after(false), 4);
    }

    #[test]
    fn of_a_wrong_file_it_is_told_once_and_it_is_tried_until_it_can_be_read() {
        let (mounted, tried) = (Mounted::new("good"), Arc::new(AtomicUsize::new(0)));
        let (file, count) = (mounted.file(), Arc::clone(&tried));
        let is_short_of_memory = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&is_short_of_memory);
        let mut watched = Watched::new("test", vec![mounted.file()], move || {
            count.fetch_add(1, Ordering::Relaxed);
            let is_good = fs::read_to_string(&file)? != "go" && !fails.load(Ordering::Relaxed);
            if is_good { Ok(()) } else { Err("half of it".into()) }
        });
        let log = tempfile::NamedTempFile::new().unwrap();
        let logging = tracing_subscriber::fmt().with_writer(Mutex::new(log.reopen().unwrap())).finish();
        let logging = tracing::Dispatch::new(logging);
        let mut look = |asked| {
            tracing::dispatcher::with_default(&logging, || watched.look(asked));
            let told = fs::read_to_string(log.path()).unwrap().matches("cannot be read again").count();
            (tried.load(Ordering::Relaxed), told)
        };
        mounted.swap("2", "go");
        assert_eq!([look(false), look(false), look(true)], [(1, 1), (2, 1), (3, 2)]);
        mounted.swap("3", "better");
        assert_eq!([look(false), look(false)], [(4, 2), (4, 2)]);
        // What fails for a moment is no mistake of the file, which nobody writes again.
        is_short_of_memory.store(true, Ordering::Relaxed);
        mounted.swap("4", "best");
        assert_eq!([look(false), look(false)], [(5, 3), (6, 3)]);
        is_short_of_memory.store(false, Ordering::Relaxed);
        assert_eq!([look(false), look(false)], [(7, 3), (7, 3)]);
    }
}
