//! The commands.

mod config;
mod health;
mod keys;
mod migrate;
mod organizations;
mod rules;
mod serve;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use tokio::runtime::{Builder, Runtime};

use crate::{
    cli::{Arguments, Command},
    config::Config,
    output, store, telemetry,
};

pub(crate) use config::check;

/// Why a command failed: a sentence for the person who gave it.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    // These need no configuration.
    match &arguments.command {
        Command::Openapi => return output::text(&capykeys_http::openapi_json()),
        Command::Rules(command) => return rules::run(command),
        _ => {}
    }
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log)?;
    store::warn_of_clear_text(&config)?;
    runtime()?.block_on(async {
        match arguments.command {
            Command::Serve => serve::run(&config).await,
            Command::Migrate => migrate::run(&config).await,
            Command::Keys(command) => keys::run(&config, command).await,
            Command::Organizations(command) => organizations::run(&config, command).await,
            Command::Config(command) => config::run(&config, &command),
            Command::Health(command) => health::run(&config, command).await,
            Command::Openapi | Command::Rules(_) => Ok(()),
        }
    })
}

/// A listener of this process, which nobody else has, at the address that `setting` says.
pub(crate) fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .map_err(|error| format!("cannot listen on {address} (`{setting}`): {error}").into())
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
