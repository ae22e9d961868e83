//! Carrying a whole store, from wherever its rows come, into another.

use std::time::{Duration, Instant};

use capykeys_domain::ports::{Import, Imported, Limit, RowCounts, SnapshotReader, StoreHead, StoredRows};

use crate::{error::Error, output};

/// How many rows are carried at once: few enough to be in memory, and to be one transaction.
const PAGE: Limit = Limit::of::<1000>();
/// How often it is said how far it has got.
const SILENCE: Duration = Duration::from_secs(2);

/// Where rows come from, in the order of a snapshot.
pub(crate) trait RowSource {
    /// What there is besides the rows.
    fn head(&self) -> &StoreHead;

    /// The next rows, all of one kind and up to `limit`; `None` at the end.
    async fn next(&mut self, limit: Limit) -> Result<Option<StoredRows>, Error>;
}

impl RowSource for SnapshotReader {
    fn head(&self) -> &StoreHead {
        Self::head(self)
    }

    async fn next(&mut self, limit: Limit) -> Result<Option<StoredRows>, Error> {
        Ok(Self::next(self, limit).await?)
    }
}

/// Says how far it has got, where that takes long.
struct Progress {
    doing: &'static str,
    all: RowCounts,
    done: RowCounts,
    told: Instant,
}

impl Progress {
    fn new(doing: &'static str, all: RowCounts) -> Self {
        Self { doing, all, done: RowCounts::default(), told: Instant::now() }
    }

    fn add(&mut self, rows: &StoredRows) {
        self.done.add(rows);
        if self.told.elapsed() >= SILENCE {
            self.told = Instant::now();
            let (doing, done, all) = (self.doing, self.done, self.all);
            output::note(&format!(
                "{doing} {} of {} organizations, {} of {} keys, {} of {} events",
                done.organizations, all.organizations, done.keys, all.keys, done.events, all.events
            ));
        }
    }
}

/// Does something with every row. `doing` is a word such as "read".
pub(crate) async fn for_each(
    source: &mut impl RowSource,
    doing: &'static str,
    mut each: impl FnMut(StoredRows) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut progress = Progress::new(doing, source.head().counts);
    while let Some(rows) = source.next(PAGE).await? {
        progress.add(&rows);
        each(rows)?;
    }
    Ok(())
}

/// Stores every row that is not there. It does not end the import. Whether what is there goes with them.
pub(crate) async fn fill(source: &mut impl RowSource, import: &mut dyn Import) -> Result<bool, Error> {
    let mut progress = Progress::new("stored", source.head().counts);
    while let Some(rows) = source.next(PAGE).await? {
        progress.add(&rows);
        if import.import_rows(rows).await? == Imported::Different {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether both have the same rows. Memory stays bounded, since both come in pages of one size.
pub(crate) async fn are_equal(a: &mut impl RowSource, b: &mut impl RowSource) -> Result<bool, Error> {
    let mut progress = Progress::new("compared", a.head().counts);
    loop {
        let (rows, others) = (a.next(PAGE).await?, b.next(PAGE).await?);
        if rows != others {
            return Ok(false);
        }
        let Some(rows) = rows else { return Ok(true) };
        progress.add(&rows);
    }
}
