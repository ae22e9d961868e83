//! TLS to the server.

use std::sync::Arc;

use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How a connection is protected.
#[derive(Clone)]
pub(crate) enum Tls {
    /// Not at all.
    Off,
    /// With TLS, where the `sslmode` has it so.
    Rustls(MakeRustlsConnect),
}

impl Tls {
    pub(crate) fn for_config(config: &Config) -> Result<Self, rustls::Error> {
        if config.get_ssl_mode() == SslMode::Disable {
            return Ok(Self::Off);
        }
        // The provider is named, because the process may have none by default, or more than one.
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        Ok(Self::Rustls(MakeRustlsConnect::new(client)))
    }
}
