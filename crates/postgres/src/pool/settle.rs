//! Following another line of history.

use std::time::Duration;

use tokio::time::timeout_at;

use super::{End, Pool};
use crate::{
    failure::Failure,
    line::{self, Asking},
};

/// A server on which this takes longer may be one that was replaced: commands have time to look for another.
const LIMIT: Duration = Duration::from_secs(2);

impl Pool {
    /// Begins a line where there is none, and commits on the one that is there: then it is followed. That goes on to its
    /// end: where the server is far away, too little is left of the time of the operation that has found out.
    pub(super) async fn settle(&self, end: End, failure: &Failure) -> Result<(), Failure> {
        let (pool, asked, begins) =
            (self.clone(), self.shared.line.asking(), matches!(failure, Failure::NoLine));
        let settling = self.on_runtime(async move { pool.settle_whole(end, &asked, begins).await });
        timeout_at(end, settling).await.map_err(|_| Failure::Timeout)??
    }

    /// One at a time, since where no commit gets through each that is tried waits in the server for a while.
    async fn settle_whole(&self, end: End, asked: &Asking, begins: bool) -> Result<(), Failure> {
        let _turn = timeout_at(end, self.shared.settling.lock()).await.map_err(|_| Failure::Timeout)?;
        let limit = self.settings.deadline.min(LIMIT);
        let (asking, end) = (self.shared.line.asking(), End::now() + limit);
        if !asking.is_as(asked) {
            return Ok(());
        }
        if begins {
            let judge = |rows| self.shared.line.judge(&asking, true, rows);
            let begin = self.asked(asking.begin.to_string(), None);
            match self.run_once(end, &begin, &[], judge).await {
                // Somebody else has begun one, or this is no server to begin one on.
                Err(Failure::NoLine) => {}
                outcome => return outcome.map(drop),
            }
        }
        self.ask(end, &line::COMMIT, &[]).await.map(drop)
    }
}
