//! Reading a backup. Whoever acts on it reads it to its end first: only there it is known to be whole.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Seek as _},
    path::Path,
};

use capykeys_domain::ports::RowCounts;
use capykeys_storage::{Document, Row as _};

use super::{
    BackupError, Header,
    format::{self, BACKUP, FORMAT, Line, ROW, Row},
};

/// No line is as long as this.
const LONGEST_LINE: u64 = 1024 * 1024;

/// A backup, read line by line.
pub(crate) struct BackupReader {
    /// What it is called in messages.
    name: String,
    lines: Box<dyn BufRead>,
    hasher: blake3::Hasher,
    header: Header,
    counts: RowCounts,
    /// Of the last row.
    place: (u8, u128),
    is_over: bool,
}

/// A file that is read more than once. It is opened once, so that none that is put in its place is read instead.
pub(crate) struct SeekableFile {
    name: String,
    file: File,
}

impl SeekableFile {
    pub(crate) fn open(path: &Path) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.file_type(), file)));
        match opened {
            // What is no file at all is told when it is read.
            Ok((kind, file)) if kind.is_file() || kind.is_dir() => Ok(Self { name, file }),
            Ok(_) => Err(BackupError::Pipe(name)),
            Err(error) => Err(unreadable(&name, error)),
        }
    }

    /// What it is called, and its content from the beginning. What was given before is not to be read any more: it would
    /// go on from here.
    pub(super) fn content(&self) -> Result<(String, BufReader<File>), BackupError> {
        let again = self.file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
        let file = again.map_err(|error| unreadable(&self.name, error))?;
        Ok((self.name.clone(), BufReader::new(file)))
    }

    /// As a backup, from its beginning. One that was given before is not to be read any more.
    pub(crate) fn backup(&self) -> Result<BackupReader, BackupError> {
        let (name, lines) = self.content()?;
        BackupReader::new(name, Box::new(lines))
    }
}

impl BackupReader {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, BackupError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::new(name, Box::new(BufReader::new(file))),
            Err(error) => Err(unreadable(&name, error)),
        }
    }

    /// The same from standard input.
    pub(crate) fn stdin() -> Result<Self, BackupError> {
        Self::new("standard input".to_owned(), Box::new(BufReader::new(io::stdin())))
    }

    pub(super) fn new(name: String, mut lines: Box<dyn BufRead>) -> Result<Self, BackupError> {
        let no_backup = || BackupError::NoBackup(name.clone());
        let first = line(&mut *lines).map_err(|error| unreadable(&name, error))?.ok_or_else(no_backup)?;
        let document = Document::from_bytes(&first).map_err(|_| no_backup())?;
        if document.field::<String>(ROW).ok().as_deref() != Some(BACKUP) {
            return Err(no_backup());
        }
        let damaged = |_| BackupError::Damaged(name.clone());
        let format: i64 = document.field("format").map_err(damaged)?;
        if format > FORMAT {
            let program = document.field("program").unwrap_or_default();
            return Err(BackupError::Newer { file: name, program, format });
        }
        let (header, peppers) = Header::read(&document).map_err(damaged)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&first);
        let (counts, place) = (RowCounts::default(), (0, 0));
        let mut reader = Self { name, lines, hasher, header, counts, place, is_over: false };
        for _ in 0..peppers {
            match reader.line()? {
                Line::Pepper(pepper) => reader.header.head.peppers.push(pepper),
                _ => return Err(reader.damaged()),
            }
        }
        Ok(reader)
    }

    /// What it is of.
    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    /// Refuses one whose keys look otherwise.
    pub(crate) fn check_prefix(&self, configured: &str) -> Result<(), BackupError> {
        if self.header.key_prefix == configured {
            return Ok(());
        }
        Err(BackupError::OtherPrefix {
            file: self.name.clone(),
            found: self.header.key_prefix.clone(),
            configured: configured.to_owned(),
        })
    }

    /// The next row; `None` at the end, where all that was read is known to be what was written.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, BackupError> {
        if self.is_over {
            return Ok(None);
        }
        match self.line()? {
            Line::Row(row) if row.place() > self.place => {
                self.place = row.place();
                match row {
                    Row::Organization(_) => self.counts.organizations += 1,
                    Row::Key(_) => self.counts.keys += 1,
                    Row::Event(_) => self.counts.events += 1,
                }
                Ok(Some(row))
            }
            Line::End => {
                let is_whole = self.counts == self.header.head.counts;
                let more = self.lines.fill_buf().map(|more| !more.is_empty());
                if !is_whole || more.map_err(|error| unreadable(&self.name, error))? {
                    return Err(self.damaged());
                }
                self.is_over = true;
                Ok(None)
            }
            Line::Row(_) | Line::Pepper(_) => Err(self.damaged()),
        }
    }

    fn damaged(&self) -> BackupError {
        BackupError::Damaged(self.name.clone())
    }

    fn line(&mut self) -> Result<Line, BackupError> {
        let read = line(&mut *self.lines).map_err(|error| unreadable(&self.name, error))?;
        let Some(bytes) = read else { return Err(BackupError::CutShort(self.name.clone())) };
        let line = format::read(&bytes).map_err(|_| self.damaged())?;
        if !matches!(line, Line::End) {
            self.hasher.update(&bytes);
        } else if bytes != format::end(self.hasher.finalize().into()) {
            return Err(self.damaged());
        }
        Ok(line)
    }
}

fn unreadable(name: &str, error: io::Error) -> BackupError {
    BackupError::Unreadable { file: name.to_owned(), error }
}

/// The next line with its end; `None` where there is none, or not all of it.
fn line(lines: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    // One that is too long is not what was written: it is refused where it is read as a document.
    let is_whole = line.ends_with(b"\n") || line.len() as u64 == LONGEST_LINE;
    Ok(is_whole.then_some(line))
}
