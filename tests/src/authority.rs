//! A certificate authority, whose files installations and clients use.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{
    Certificate, Identity,
    blocking::{Client, ClientBuilder},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::pem::PemObject};

/// An authority of its own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// An authority that nobody trusts yet.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for the name or address, and its private key, in PEM.
    pub fn certificate(&self, name: &str) -> (String, String) {
        self.certificate_until(name, 4096)
    }

    /// One that ends with the beginning of this year.
    pub fn certificate_until(&self, name: &str, year: i32) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Puts `ca.pem`, and `server.pem` with `server.key` for a server on loopback, into the folder.
    pub fn equip(&self, directory: &Path) {
        let (certificate, key) = self.certificate("127.0.0.1");
        for (name, text) in [("ca.pem", self.pem()), ("server.pem", certificate), ("server.key", key)] {
            fs::write(directory.join(name), text).expect("the file is written");
        }
    }

    /// A client that trusts this authority alone and shows no certificate.
    pub fn stranger(&self) -> Client {
        self.client_builder().build().expect("a client")
    }

    /// A client that trusts this authority alone and has a certificate of `signer`.
    pub fn client(&self, signer: &Self, name: &str) -> Client {
        let (certificate, key) = signer.certificate(name);
        let identity = Identity::from_pem((certificate + &key).as_bytes()).expect("an identity");
        self.client_builder().identity(identity).build().expect("a client")
    }

    /// What a client of gRPC needs that trusts this authority alone and has a certificate of `signer`,
    /// if of anybody.
    pub fn rustls_client(&self, signer: Option<&Self>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(roots);
        let mut config = match signer {
            None => builder.with_no_client_auth(),
            Some(signer) => {
                let (certificate, key) = signer.certificate("gateway.example");
                let chain = vec![PemObject::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
                let key = PemObject::from_pem_slice(key.as_bytes()).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("an identity")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    fn client_builder(&self) -> ClientBuilder {
        let own = Certificate::from_pem(self.pem().as_bytes()).expect("a certificate");
        Client::builder().tls_certs_only([own]).no_proxy()
    }
}
