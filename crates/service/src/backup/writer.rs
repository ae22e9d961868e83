//! Writing a backup.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use capykeys_domain::ports::StoredRows;
use rustix::fs::{Mode, OFlags, open};
use tempfile::NamedTempFile;

use super::{Header, format};

/// What files are called that do not have their name yet.
const UNFINISHED: &str = ".capykeys-backup-";

/// Where it is written to.
enum Target {
    /// A file, which has its name once it is whole.
    File {
        made: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
    Pipe(BufWriter<io::Stdout>),
}

/// A backup under way. What is dropped before its end leaves no file.
pub(crate) struct BackupWriter {
    target: Target,
    hasher: blake3::Hasher,
}

impl BackupWriter {
    /// To this file, which is open to its owner alone, or to standard output.
    pub(crate) fn create(path: Option<&Path>, header: &Header) -> io::Result<Self> {
        let target = match path {
            Some(path) => {
                let made = unfinished(folder(path))?;
                remove_left(folder(path), made.as_file().metadata()?.uid());
                Target::File { made: BufWriter::new(made), path: path.to_owned() }
            }
            None => Target::Pipe(BufWriter::new(io::stdout())),
        };
        let mut writer = Self { target, hasher: blake3::Hasher::new() };
        writer.write(&header.line())?;
        for pepper in &header.head.peppers {
            writer.write(&format::pepper(pepper))?;
        }
        Ok(writer)
    }

    /// These rows too.
    pub(crate) fn write_rows(&mut self, rows: &StoredRows) -> io::Result<()> {
        self.write(&format::rows(rows))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.hasher.update(lines);
        self.out().write_all(lines)
    }

    fn out(&mut self) -> &mut dyn Write {
        match &mut self.target {
            Target::File { made, .. } => made,
            Target::Pipe(pipe) => pipe,
        }
    }

    /// Ends it. The file is there when this has come back, whatever becomes of the machine.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let end = format::end(*self.hasher.finalize().as_bytes());
        self.out().write_all(&end)?;
        self.out().flush()?;
        if let Target::File { made, path } = self.target {
            let made = made.into_inner().map_err(io::IntoInnerError::into_error)?;
            made.as_file().sync_all()?;
            made.persist(&path).map_err(|failed| failed.error)?;
            File::open(folder(&path))?.sync_all()?;
        }
        Ok(())
    }
}

/// A file that nobody takes for one that was left, while this process lives.
fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let made = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        // Where the file system has no locks, nobody removes anything.
        let _ = made.as_file().lock();
        // Somebody may have removed it before it was locked.
        if made.as_file().metadata()?.nlink() > 0 {
            return Ok(made);
        }
    }
}

/// Removes what backups have left that were killed: their lock went with them, which says so at once and without a guess
/// from their age. Whose they are is compared with a file just made: some file systems give every file to one user.
fn remove_left(folder: &Path, owner: u32) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            continue;
        }
        // Anybody may have put something of that name into a folder that is shared.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = open(entry.path(), flags, Mode::empty()).map(File::from) else { continue };
        let is_own = file.metadata().is_ok_and(|found| found.is_file() && found.uid() == owner);
        // Locked until it is gone, so that whoever has just made it finds out.
        if is_own && file.try_lock().is_ok() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, sync::mpsc, thread, time::Duration};

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    /// A pipe that is opened to be read waits for somebody to write, and a link leads to any file.
    #[test]
    fn what_others_have_put_there_under_such_a_name_stays_and_holds_nothing_up() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().to_owned();
        let named = |name: &str| folder.join(format!("{UNFINISHED}{name}"));
        mknodat(CWD, named("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::write(folder.join("file"), "whole").unwrap();
        symlink(folder.join("file"), named("link")).unwrap();
        symlink(named("pipe"), named("link-to-pipe")).unwrap();
        fs::write(named("left"), "half").unwrap();
        let owner = fs::metadata(named("left")).unwrap().uid();
        for (owner, is_left) in [(owner + 1, true), (owner, false)] {
            let (folder, (done, is_done)) = (folder.clone(), mpsc::channel());
            thread::spawn(move || {
                remove_left(&folder, owner);
                done.send(())
            });
            is_done.recv_timeout(Duration::from_secs(20)).expect("it does not come back");
            assert_eq!(named("left").exists(), is_left);
        }
        for name in ["pipe", "link", "link-to-pipe"] {
            assert!(fs::symlink_metadata(named(name)).is_ok(), "{name} is gone");
        }
    }
}
