//! `capykeys health`

use std::time::Duration;

use url::Url;

use crate::{cli, config::Config, error::Error};

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server whether it is ready.
pub(crate) async fn run(config: &Config, command: cli::Health) -> Result<(), Error> {
    let url = match command.url {
        Some(url) => url,
        None => Url::parse(&format!("http://{}", super::reached_at(config.server.listen)))?,
    };
    let mut client = reqwest::Client::builder().timeout(PATIENCE).no_proxy();
    if url.scheme() == "http" {
        // Nothing to be checked, so nothing to be looked for: the system may have no authorities.
        client = client.tls_certs_only([]);
    }
    let client = client.build()?;
    let status = client.get(url.join("/readyz")?).send().await?.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("the server is not ready: it answered {status}").into())
    }
}
