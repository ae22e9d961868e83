//! `capykeys keys import`: keys that were issued elsewhere.

mod line;
mod lines;

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io,
    path::Path,
    time::{Duration, Instant},
};

use capykeys_domain::{
    model::{KeySource, Organization, OrganizationId, RequestContext},
    policy::Permit,
    usecases::CreateKeyError,
};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use self::{
    line::{Asked, Reader},
    lines::Lines,
};
use crate::{adapters::command_context, app::App, cli::ImportKeys, error::Error, output};

/// How many lines are worked on before the servers are waited for, and how many of them at once: on PostgreSQL changes of keys
/// commit one after the other, and those of servers, such as a revocation, wait behind these.
const BATCH: usize = 500;
const AT_ONCE: usize = 4;
/// How often it is said how far it has got.
const SILENCE: Duration = Duration::from_secs(2);
/// Of how many lines it is said why they are not imported, and of how many that they are there twice.
const TOLD: u64 = 100;
const TAKEN: &str = "there is an API key with this secret already.";

/// What has become of the lines. Printed at the end.
#[derive(Clone, Copy, Default, Serialize)]
struct Outcome {
    dry_run: bool,
    /// All that are not empty.
    lines: u64,
    /// Keys that were stored, or would be.
    imported: u64,
    /// Keys of an earlier run.
    present: u64,
    /// Lines with the secret of one before.
    duplicates: u64,
    /// Lines that cannot be imported as they are.
    refused: u64,
}

/// What becomes of a line.
enum Done {
    Imported,
    Present,
    Refused(String),
}

/// Imports, line by line. One that cannot be is named, and the others are imported all the same: the same command goes on
/// where it was stopped, and takes what was mended.
pub(crate) async fn run(app: &App, command: ImportKeys) -> Result<(), Error> {
    let plaintext = command.file == Path::new("-");
    let reader = Reader { environment: &app.environment, organization: command.organization, plaintext };
    let mut lines = if plaintext {
        Lines::new(Box::new(io::stdin()))
    } else {
        Lines::new(Box::new(File::open(&command.file)?))
    };
    let mut import = Import {
        app,
        context: command_context()?,
        organizations: HashMap::new(),
        seen: HashMap::new(),
        outcome: Outcome { dry_run: command.dry_run, ..Outcome::default() },
        told: Instant::now(),
    };
    let mut through = 0;
    while import.batch(&reader, &mut lines).await.map_err(|error| stopped(through, &error))? {
        through = lines.number();
        import.tell_progress();
    }
    let outcome = import.outcome;
    output::json(&outcome)?;
    if outcome.refused > 0 {
        return Err(
            format!("{} of {} lines cannot be imported as they are", outcome.refused, outcome.lines).into()
        );
    }
    Ok(())
}

fn stopped(through: u64, error: &Error) -> Error {
    format!("{error}; all lines up to {through} were done: the same command goes on").into()
}

struct Import<'a> {
    app: &'a App,
    context: RequestContext,
    organizations: HashMap<OrganizationId, Option<Organization>>,
    /// What the secrets of the lines so far are stored as, and for whom.
    seen: HashMap<[u8; 32], OrganizationId>,
    outcome: Outcome,
    told: Instant,
}

impl Import<'_> {
    /// Whether there was anything left to do.
    async fn batch(&mut self, reader: &Reader<'_>, lines: &mut Lines) -> Result<bool, Error> {
        let (mut batch, mut read) = (Vec::new(), 0);
        while read < BATCH {
            let Some((number, line)) = lines.next()? else { break };
            read += 1;
            self.outcome.lines += 1;
            match line
                .map_err(str::to_owned)
                .and_then(|line| reader.read(line).map_err(|why| why.to_string()))
            {
                Err(why) => self.refuse(number, &why),
                Ok(asked) => match self.before(&asked)? {
                    None => batch.push((number, asked)),
                    Some(organization) if organization == asked.organization => {
                        self.outcome.duplicates += 1;
                        tell(self.outcome.duplicates, number, "has the secret of a line before it");
                    }
                    Some(_) => {
                        self.refuse(number, "has the secret of a line before it, of another organization.");
                    }
                },
            }
        }
        for (_, asked) in &batch {
            self.look_up(asked.organization).await?;
        }
        let this = &*self;
        let working = batch.iter().map(|(number, asked)| async move { (*number, this.import(asked).await) });
        let mut done: Vec<_> = stream::iter(working).buffer_unordered(AT_ONCE).collect().await;
        done.sort_unstable_by_key(|(number, _)| *number);
        let mut failed = None;
        for (number, outcome) in done {
            match outcome {
                Ok(Done::Imported) => self.outcome.imported += 1,
                Ok(Done::Present) => self.outcome.present += 1,
                Ok(Done::Refused(why)) => self.refuse(number, &why),
                Err(error) => failed = Some(error),
            }
        }
        if let Some((_, asked)) = batch.first().filter(|_| !self.outcome.dry_run) {
            // All of the batch are told by then.
            self.app.management.until_brought(asked.organization).await;
        }
        failed.map_or(Ok(read > 0), Err)
    }

    /// Whose the secret is by a line before this one.
    fn before(&mut self, asked: &Asked) -> Result<Option<OrganizationId>, Error> {
        let digest = self.app.environment.digest_of_brought(&asked.secret.digest)?;
        Ok(match self.seen.entry(*digest.as_bytes()) {
            Entry::Occupied(before) => Some(*before.get()),
            Entry::Vacant(free) => {
                free.insert(asked.organization);
                None
            }
        })
    }

    async fn look_up(&mut self, id: OrganizationId) -> Result<(), Error> {
        if !self.organizations.contains_key(&id) {
            let found = self.app.operators.find_organization(id).await?;
            self.organizations.insert(id, found);
        }
        Ok(())
    }

    async fn import(&self, asked: &Asked) -> Result<Done, Error> {
        let refused = |why: &str| Ok(Done::Refused(why.to_owned()));
        let Some(organization) = self.organizations.get(&asked.organization).and_then(Option::as_ref) else {
            return refused("there is no such organization.");
        };
        if let Some(done) = self.look(asked).await? {
            return Ok(done);
        }
        if organization.is_suspended() {
            return refused("the organization is suspended.");
        }
        if self.outcome.dry_run {
            return Ok(Done::Imported);
        }
        let permit = Permit::operator_imports_key(organization);
        match self.app.management.store_brought(&permit, &asked.spec, &asked.secret, &self.context).await {
            Ok(_) => Ok(Done::Imported),
            // Another import may be under way.
            Err(CreateKeyError::Taken) => match self.look(asked).await? {
                Some(done) => Ok(done),
                None => refused(TAKEN),
            },
            Err(CreateKeyError::Denied(denial)) => refused(&denial.to_string()),
            Err(error) => Err(error.into()),
        }
    }

    /// What there is to do about a secret that a key has.
    async fn look(&self, asked: &Asked) -> Result<Option<Done>, Error> {
        let found = self.app.verdicts.find_brought(&asked.secret.digest).await?;
        Ok(found.map(|found| {
            let is_own = found.organization.id == asked.organization && found.key.source == KeySource::Import;
            if is_own { Done::Present } else { Done::Refused(TAKEN.to_owned()) }
        }))
    }

    fn refuse(&mut self, number: u64, why: &str) {
        self.outcome.refused += 1;
        tell(self.outcome.refused, number, why);
    }

    fn tell_progress(&mut self) {
        if self.told.elapsed() >= SILENCE {
            self.told = Instant::now();
            let Outcome { lines, imported, present, duplicates, refused, .. } = self.outcome;
            output::note(&format!(
                "{lines} lines: {imported} imported, {present} there already, {duplicates} twice, {refused} refused"
            ));
        }
    }
}

/// Says what is wrong with a line, the `count`th of its kind.
fn tell(count: u64, number: u64, why: &str) {
    if count <= TOLD {
        output::note(&format!("line {number}: {why}"));
    }
    if count == TOLD {
        output::note("of the next lines like this one it is not said");
    }
}
