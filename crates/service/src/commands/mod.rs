//! The commands.

mod backup;
mod config;
mod copy;
mod health;
mod keys;
#[cfg(test)]
mod mistakes;
mod organizations;
mod peppers;
mod restore;
mod rules;
mod serve;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use capykeys_storage::{Backend, OpenedFor};
use capykeys_telemetry::Telemetry;
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};

use crate::{
    VERSION,
    adapters::host,
    app,
    cli::{Arguments, Backup, BackupCommand, Command},
    config::{Config, StoreKind},
    error::Error,
    memory, output,
    read_only::ReadOnly,
    store, telemetry,
    watch::Watched,
};

pub(crate) use config::check;

/// What the program ends with because of this: 3 where there is no key with the secret that was asked for, which is an
/// answer; else 1.
pub(crate) fn exit_code(error: &Error) -> ExitCode {
    if error.is::<keys::NoSuchKey>() { ExitCode::from(3) } else { ExitCode::FAILURE }
}

/// How long the end of a server may wait until the last telemetry is sent.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// How long a command may take before it says what it waits for.
const SILENCE: Duration = Duration::from_secs(2);

/// Does what the command line says, on one of these kinds of stores or of our own.
pub(crate) fn run(arguments: Arguments, kinds: &[StoreKind]) -> Result<(), Error> {
    // It needs no configuration.
    if let Command::Openapi(wanted) = &arguments.command {
        return output::text(&wanted.document());
    }
    if let Command::Config(command) = &arguments.command
        && let Some(printed) = config::reference(command, kinds)
    {
        return printed;
    }
    let config = Config::load(arguments.config.as_deref(), kinds)?;
    arguments.check_scopes(&config.catalogue()?).unwrap_or_else(|error| error.exit());
    if let Command::Rules(command) = &arguments.command {
        return rules::run(&config, command);
    }
    if let Command::Backup(Backup { command: Some(BackupCommand::Verify { file }), .. }) = &arguments.command
    {
        return backup::verify(&config, file);
    }
    if !config.server.core_dumps {
        memory::keep_private()?;
    }
    let telemetry = telemetry_for(&arguments.command, &config)?;
    let level = telemetry::init(&config.log, telemetry.as_ref())?;
    let read_only = ReadOnly::new(config.server.read_only);
    let file = arguments.config.clone();
    let watched = file.map(|file| watched(&file, kinds, level, &read_only)).into_iter().flatten();
    let metrics = telemetry.as_ref().map(Telemetry::text);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        if let Command::Copy(command) = &arguments.command {
            return copy::run(command, kinds).await;
        }
        let backend = store::configured(&config)?;
        let (config, backend) = (&config, &*backend);
        let opened_for = OpenedFor::Command(config.store.command_timeout());
        let app = app::build(config, backend, opened_for, read_only.clone());
        match arguments.command {
            Command::Serve => {
                let metrics = Arc::new(move || metrics.as_ref()?());
                serve::run(config, backend, metrics, watched.collect(), read_only).await
            }
            Command::Migrate => {
                backend.migrate(host()).await?;
                output::text("The schema is up to date.\n")
            }
            Command::Keys(command) => {
                patiently(config, backend, async { keys::run(&app.await?, command).await }).await
            }
            Command::Organizations(command) => {
                patiently(config, backend, async { organizations::run(&app.await?, command).await }).await
            }
            Command::Peppers(command) => {
                patiently(config, backend, async { peppers::run(&app.await?, &command).await }).await
            }
            Command::Config(_) => config::run(config, backend),
            Command::Health(command) => health::run(config, command).await,
            Command::Backup(Backup { file: Some(file), .. }) => backup::run(config, backend, &file).await,
            Command::Restore(command) => restore::run(config, backend, &command).await,
            Command::Copy(_) | Command::Openapi(_) | Command::Rules(_) | Command::Backup(_) => Ok(()),
        }
    });
    // What is left belongs to nobody, and does not hold up the end.
    runtime.shutdown_background();
    // Whoever has ended it with a second signal does not want to wait.
    if let Some(telemetry) = telemetry {
        telemetry.end(if outcome.is_ok() { FLUSH_LIMIT } else { Duration::ZERO });
    }
    outcome
}

/// What a server records and sends; nothing of it belongs to the workers. Of the other commands, those that check
/// the configuration look at it.
fn telemetry_for(command: &Command, config: &Config) -> Result<Option<Telemetry>, Error> {
    Ok(match command {
        Command::Serve => Some(Telemetry::start(&telemetry::settings(config)?, VERSION)?),
        Command::Config(_) => {
            Telemetry::check(&telemetry::settings(config)?)?;
            None
        }
        _ => None,
    })
}

/// The level of the log and whether anything is written, which are read again when the file changes. All else there
/// needs a restart.
fn watched(file: &Path, kinds: &[StoreKind], level: telemetry::Level, read_only: &ReadOnly) -> [Watched; 2] {
    let (path, kinds, read_only) = (file.to_owned(), kinds.to_vec(), read_only.clone());
    let load = move || Config::load(Some(&path), &kinds);
    let (loaded, files) = (load.clone(), || vec![file.to_owned()]);
    [
        Watched::new("log.level", files(), move || level.set(&loaded()?.log)),
        Watched::new("server.read_only", files(), move || {
            read_only.ask(load()?.server.read_only);
            Ok(())
        }),
    ]
}

/// Says what a command waits for, where it does not end at once.
async fn patiently(
    config: &Config,
    backend: &dyn Backend,
    command: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let (store, limit) = (backend.name(), config.store.command_timeout());
    // On a thread of its own: to open the embedded store blocks this one.
    let note = tokio::spawn(async move {
        sleep(SILENCE).await;
        output::note(&format!("waiting for {store}, for up to {} s", limit.as_secs()));
    });
    let ended = command.await;
    note.abort();
    ended
}

/// Where this machine reaches what listens at `address`, which may be all addresses.
pub(crate) fn reached_at(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// For the database's connections and the like; requests have threads of their own.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("capykeys").enable_all().build()
}
