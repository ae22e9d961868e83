//! A certificate authority of a test's own.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, IsCa, KeyPair, SanType,
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// Signs the certificates of both sides.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    protocols: Vec<Vec<u8>>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer, protocols: Vec::new() }
    }
}

impl Authority {
    /// One whose connections are for this protocol alone (ALPN).
    #[must_use]
    pub fn speaking(protocol: &str) -> Self {
        Self { protocols: vec![protocol.into()], ..Self::default() }
    }

    /// For a server on `localhost`, which wants a certificate of its clients.
    #[must_use]
    pub fn server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), Arc::clone(&provider));
        let name = SanType::DnsName("localhost".try_into().expect("a name"));
        let (certificate, key) = self.certificate(name);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![certificate], key)
            .expect("a certificate with its key");
        config.alpn_protocols.clone_from(&self.protocols);
        Arc::new(config)
    }

    /// For a client that trusts this authority and has a certificate with this URI by `signer`, if by
    /// any.
    #[must_use]
    pub fn client(&self, signer: Option<&Self>, uri: &str) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(self.roots());
        let mut config = match signer {
            None => builder.with_no_client_auth(),
            Some(signer) => {
                let (certificate, key) = signer.certificate(SanType::URI(uri.try_into().expect("a URI")));
                builder.with_client_auth_cert(vec![certificate], key).expect("a certificate with its key")
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Arc::new(config)
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("an authority");
        Arc::new(roots)
    }

    fn certificate(&self, name: SanType) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![name];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}
