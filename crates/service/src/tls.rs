//! TLS of the internal listener.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};

use x509_cert::{Certificate, der::Decode};

use crate::config::{ConfigError, InternalTls, Secret};

/// TLS of the internal listener, whose files can be read again.
#[derive(Clone)]
pub(crate) struct Tls {
    /// TLS 1.2 and 1.3 around HTTP/1.1, with a certificate asked of clients where there are authorities
    /// to check it against.
    pub(crate) server: Arc<ServerConfig>,
    current: Arc<Current>,
}

impl Tls {
    /// From the files that the settings name.
    pub(crate) fn read(tls: &InternalTls) -> Result<Self, ConfigError> {
        let current = Arc::new(Current(RwLock::new(Files::read(tls)?)));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|_| invalid("internal.tls cannot be set up"))?;
        let builder = match tls.client_ca_file {
            Some(_) => builder.with_client_cert_verifier(current.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each connection shows its certificate anew, so that one that has expired counts no longer.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { server: Arc::new(config), current })
    }

    /// Reads the files again: all of them are good, or those of before stay in force. Connections that are open stay
    /// as they are.
    pub(crate) fn read_again(&self, tls: &InternalTls) -> Result<(), ConfigError> {
        let files = Files::read(tls)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = files;
        Ok(())
    }

    /// When what is in force ends, by the setting that names it.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let Files { end, clients_end, .. } = self.current.files();
        let ends = [("certificate_file", end), ("client_ca_file", clients_end)];
        ends.into_iter().filter_map(|(setting, end)| Some((setting, end?)))
    }
}

/// The files of these settings.
pub(crate) fn files(tls: &InternalTls) -> Vec<PathBuf> {
    [&tls.certificate_file, &tls.key_file, &tls.client_ca_file].into_iter().flatten().cloned().collect()
}

/// What is in the files.
#[derive(Clone, Debug)]
struct Files {
    certificate: Arc<CertifiedKey>,
    /// Who checks clients' certificates, where they are asked for.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// When the first certificate of the chain ends, since 1970.
    end: Option<Duration>,
    /// When the last of the clients' authorities does.
    clients_end: Option<Duration>,
}

impl Files {
    fn read(tls: &InternalTls) -> Result<Self, ConfigError> {
        let (Some(certificate), Some(key)) = (&tls.certificate_file, &tls.key_file) else {
            return Err(invalid("internal.tls needs both certificate_file and key_file"));
        };
        let chain = certificates("internal.tls.certificate_file", certificate)?;
        let end = chain.iter().filter_map(end_of).min();
        let pem = Secret::read("internal.tls.key_file", key)?;
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes());
        let key = key.map_err(|_| invalid("internal.tls.key_file must hold a private key in PEM"))?;
        let certificate = certified(chain, key, &aws_lc_rs::default_provider())?;
        let authorities = tls.client_ca_file.as_deref();
        let authorities =
            authorities.map(|path| certificates("internal.tls.client_ca_file", path)).transpose()?;
        let clients_end = authorities.iter().flatten().filter_map(end_of).max();
        let clients = authorities.map(client_verifier).transpose()?;
        Ok(Self { certificate: Arc::new(certificate), clients, end, clients_end })
    }
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ConfigError> {
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(_) => {
            invalid("internal.tls.key_file is not the key of internal.tls.certificate_file")
        }
        Error::InvalidCertificate(_) => invalid("internal.tls.certificate_file holds no valid certificate"),
        _ => invalid("internal.tls.key_file holds no key that can be used"),
    })
}

/// The files that were read last and were good, for each handshake.
#[derive(Debug)]
struct Current(RwLock<Files>);

impl Current {
    fn files(&self) -> Files {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is asked for nothing unless there are authorities.
    fn clients(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        self.files().clients.ok_or_else(|| Error::General("no authorities".to_owned()))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.files().certificate)
    }
}

impl ClientCertVerifier for Current {
    /// None are named: a client that chooses its certificate by them would show none of an authority that came later.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.clients()?.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.clients().map(|clients| clients.supported_verify_schemes()).unwrap_or_default()
    }
}

fn client_verifier(
    authorities: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let rule = "internal.tls.client_ca_file must hold certificates of authorities in PEM";
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|_| invalid(rule))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    verifier.build().map_err(|_| invalid(rule))
}

/// When the certificate ends; `None` where it is none.
fn end_of(certificate: &CertificateDer<'_>) -> Option<Duration> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_unix_duration())
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
