//! TLS of the internal listener.

use std::{path::Path, sync::Arc};

use rustls::{
    Error, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use crate::config::{ConfigError, InternalTls, Secret};

/// TLS 1.2 and 1.3 around HTTP/1.1, with a certificate asked of clients where there are authorities
/// to check it against.
pub(crate) fn server(tls: &InternalTls) -> Result<Arc<ServerConfig>, ConfigError> {
    let (Some(certificate), Some(key)) = (&tls.certificate_file, &tls.key_file) else {
        return Err(invalid("internal.tls needs both certificate_file and key_file"));
    };
    let chain = certificates("internal.tls.certificate_file", certificate)?;
    let pem = Secret::read("internal.tls.key_file", key)?;
    let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes());
    let key = key.map_err(|_| invalid("internal.tls.key_file must hold a private key in PEM"))?;

    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| invalid("internal.tls cannot be set up"))?;
    let builder = match &tls.client_ca_file {
        Some(path) => builder.with_client_cert_verifier(client_verifier(path)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        Error::InconsistentKeys(_) => {
            invalid("internal.tls.key_file is not the key of internal.tls.certificate_file")
        }
        Error::InvalidCertificate(_) => invalid("internal.tls.certificate_file holds no valid certificate"),
        _ => invalid("internal.tls.key_file holds no key that can be used"),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Each connection shows its certificate anew, so that one that has expired counts no longer.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn client_verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let rule = "internal.tls.client_ca_file must hold certificates of authorities in PEM";
    let mut authorities = RootCertStore::empty();
    for authority in certificates("internal.tls.client_ca_file", path)? {
        authorities.add(authority).map_err(|_| invalid(rule))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    verifier.build().map_err(|_| invalid(rule))
}

/// The certificates in the file of the setting `name`, at least one.
fn certificates(name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let pem = Secret::read(name, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose().as_bytes()).collect();
    let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
    certificates.ok_or_else(|| ConfigError::Invalid(format!("{name} must hold certificates in PEM")))
}

fn invalid(sentence: &str) -> ConfigError {
    ConfigError::Invalid(sentence.to_owned())
}
