//! The gateways: how each is configured and started, and what is peculiar to it.

pub mod caddy;
pub mod envoy;
pub mod envoy_gateway;
pub mod envoy_grpc;
pub mod haproxy;
pub mod nginx;
pub mod traefik;
pub mod traefik_kubernetes;

use std::{
    fs,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{settings, transcript::Transcript};

const CONFIGURATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gateways");

/// What a test has to know of a gateway.
pub struct Gateway {
    /// The name of its folder in `deploy/gateways`.
    pub name: &'static str,
    /// The name of its program.
    pub program: &'static str,
    /// How it asks the service.
    pub interface: Interface,
    /// The files of its configuration.
    pub files: &'static [&'static str],
    /// The arguments that start it in the foreground, where its files are in the folder.
    pub arguments: fn(&Path) -> Vec<String>,
    /// What stands in the files, and what has to stand there instead.
    pub replacements: fn(&Place<'_>) -> Vec<(&'static str, String)>,
    /// Whether it speaks HTTP/2 at another address than HTTP/1.1.
    pub http2_apart: bool,
    /// Whether what follows a chunked body is kept from the API.
    pub drops_trailers: bool,
    /// How many header fields of a client it passes on, and those that it adds.
    pub fields: usize,
    /// What becomes of a semicolon in a query.
    pub semicolon: &'static str,
    /// What a client is told while the service does not answer.
    pub outage: Outage,
    /// Within which a client is told so.
    pub patience: Duration,
}

/// How a gateway asks the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// `/authorize/…`
    Http,
    /// `envoy.service.auth.v3.Authorization/Check`
    Grpc,
}

/// What a client is told while the service does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// 503 with `Retry-After` and a body, as the service itself would say it.
    Explained,
    /// A status, and nothing else.
    Bare(u16),
}

/// Where everything is in a test.
pub struct Place<'a> {
    /// Of the gateway's own files.
    pub directory: &'a Path,
    /// Where it accepts clients.
    pub clients: SocketAddr,
    /// Where it accepts clients with HTTP/2, if it cannot do so at the same address.
    pub http2: SocketAddr,
    /// Where the API is.
    pub upstream: SocketAddr,
    /// Where the service is.
    pub service: SocketAddr,
}

/// Of a gateway that has a time limit of a second, on a busy machine.
const IN_TIME: Duration = Duration::from_secs(5);

impl Gateway {
    /// Starts it, as the leader of a group of its own. It listens some time after.
    ///
    /// # Panics
    /// Where its program or its files are missing.
    pub fn start(&self, place: &Place<'_>) -> (Child, Transcript) {
        self.render(place);
        let mut child = Command::new(settings::gateway(self.program))
            .args((self.arguments)(place.directory))
            .current_dir(place.directory)
            .env_clear()
            .env("HOME", place.directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway starts");
        let log = Transcript::of(child.stderr.take().expect("a pipe"));
        (child, log)
    }

    /// Writes the files of `deploy/gateways`, with the addresses of this test in them.
    fn render(&self, place: &Place<'_>) {
        let replacements = (self.replacements)(place);
        let source = Path::new(CONFIGURATIONS).join(self.name);
        let mut unused: Vec<_> = replacements.iter().map(|(from, _)| *from).collect();
        for file in self.files {
            let mut text = fs::read_to_string(source.join(file)).expect("a configuration");
            for (from, to) in &replacements {
                if text.contains(from) {
                    unused.retain(|other| other != from);
                    text = text.replace(from, to);
                }
            }
            let name = Path::new(file).file_name().expect("a file's name");
            fs::write(place.directory.join(name), text).expect("the configuration is written");
        }
        assert!(unused.is_empty(), "{} does not contain {unused:?}", source.display());
    }
}
