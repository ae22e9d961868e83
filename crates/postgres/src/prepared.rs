//! Statements that a connection has had prepared: the server parses them once, and plans them a few times.
//!
//! Behind a pooler a name can lead to a statement of somebody else's, since the driver's names are the same in every
//! process. So each takes one parameter more and asks whether that is its own mark: where it is another statement's, it
//! finds no line of history, and such a statement does nothing (see [`line`](crate::line)).

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicBool, Ordering},
};

use tokio_postgres::{
    Client, Error, Row, Statement as Plan,
    error::SqlState,
    types::{ToSql, Type},
};

use crate::{line::Asking, pool::Param, statement::Statement};

/// How many a connection has at most. There are fewer statements, but for lists with many mixtures of filters; they change
/// with the line of history.
const MOST: usize = 100;

/// Whether statements are prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreparedStatements {
    /// Until it is seen that they do not stay: then there is a pooler that does not keep them.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Whether the statements of a store are prepared.
#[derive(Debug, Default)]
pub(crate) struct Preparing {
    given_up: AtomicBool,
}

impl Preparing {
    fn is_off(&self, setting: PreparedStatements) -> bool {
        match setting {
            PreparedStatements::Auto => self.given_up.load(Ordering::Relaxed),
            PreparedStatements::On => false,
            PreparedStatements::Off => true,
        }
    }

    fn give_up(&self, setting: PreparedStatements) {
        if setting == PreparedStatements::Auto && !self.given_up.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "prepared statements do not stay where they are made: there is a pooler that does not keep them, and \
                 none is made any more (`postgres.prepared_statements`)"
            );
        }
    }
}

/// A statement as it is asked.
pub(crate) struct Asked<'a> {
    /// The whole of it.
    pub(crate) text: String,
    /// What it is put together of; nothing where it is never prepared.
    pub(crate) parts: Option<(&'a Asking, &'a Statement)>,
    pub(crate) setting: PreparedStatements,
    pub(crate) preparing: &'a Preparing,
}

/// The statements of one connection, by their text; nothing where one was asked once.
#[derive(Debug, Default)]
pub(crate) struct Prepared(HashMap<String, Option<Plan>>);

impl Prepared {
    /// Asks on the connection whose they are. What is asked for the second time is prepared.
    ///
    /// Where the server does not know the statement, or another one, or has to plan it anew in a way that it cannot,
    /// nothing was done: it is asked once more without.
    pub(crate) async fn ask(
        &mut self,
        client: &Client,
        asked: &Asked<'_>,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Error> {
        if asked.preparing.is_off(asked.setting) {
            self.0.clear();
        }
        let prepared = match self.ask_prepared(client, asked, params).await {
            Err(error) if error.code().is_some_and(is_about_the_name) => {
                asked.preparing.give_up(asked.setting);
                None
            }
            Err(error) if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => None,
            outcome => outcome?,
        };
        let was_prepared = prepared.is_some();
        let is_asked = |row| asked.parts.is_some_and(|(asking, _)| asking.is_told_by(row));
        match prepared {
            Some(rows) if !rows.is_empty() => return Ok(rows),
            _ => drop(self.0.get_mut(&asked.text).and_then(Option::take)),
        }
        let rows = client.query_typed(&asked.text, params).await?;
        // Where the line is another by now, it was not there yet for the prepared statement either: a failover.
        if was_prepared && rows.first().is_some_and(is_asked) {
            asked.preparing.give_up(asked.setting);
        }
        Ok(rows)
    }

    /// `None` where it is not prepared: it is not to be, or is asked for the first time.
    async fn ask_prepared(
        &mut self,
        client: &Client,
        asked: &Asked<'_>,
        params: &[Param<'_>],
    ) -> Result<Option<Vec<Row>>, Error> {
        let Some((asking, statement)) = asked.parts.filter(|_| !asked.preparing.is_off(asked.setting)) else {
            return Ok(None);
        };
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let Some(known) = self.0.get_mut(&asked.text) else {
            self.0.insert(asked.text.clone(), None);
            return Ok(None);
        };
        let mark = mark(&asked.text);
        let prepared = if let Some(prepared) = known {
            prepared
        } else {
            let types: Vec<Type> = params.iter().map(|(_, ty)| ty.clone()).chain([Type::INT8]).collect();
            let guarded = asking.guarded(statement, types.len(), mark);
            known.insert(client.prepare_typed(&guarded, &types).await?)
        };
        let own: &(dyn ToSql + Sync) = &mark;
        let values: Vec<_> = params.iter().map(|(value, _)| *value).chain([own]).collect();
        client.query(prepared, &values).await.map(Some)
    }
}

/// What a statement is known by to itself. It does not matter who else can make one.
fn mark(text: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    // Positive: it is written into the statement.
    (hasher.finish() >> 1).cast_signed()
}

/// Whether the name leads to nothing, or to another statement: that of another client, which takes other values.
fn is_about_the_name(code: &SqlState) -> bool {
    [
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
        SqlState::PROTOCOL_VIOLATION,
        SqlState::INVALID_BINARY_REPRESENTATION,
    ]
    .contains(code)
}
