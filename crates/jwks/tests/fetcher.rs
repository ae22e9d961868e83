//! The fetcher against a server with an authority of its own, which wants to know who asks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use capykeys_jwks::{FetchError, FetchJwks, HttpFetcher, HttpFetcherError, HttpOptions, Url};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer},
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// A server that answers `{}` and remembers each request's head.
struct Server {
    url: Url,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acceptor, heads) = (acceptor(authority), Arc::<Mutex<Vec<String>>>::default());
        tokio::spawn({
            let heads = Arc::clone(&heads);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A client that does not trust the certificate hangs up.
                    let _ = answer(&acceptor, stream, &heads).await;
                }
            }
        });
        Self { url: format!("https://localhost:{port}/openid/v1/jwks").parse().unwrap(), heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn answer(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await?;
    stream.shutdown().await
}

fn fetcher(authority: &Authority, token_file: Option<&Path>) -> HttpFetcher {
    let options = HttpOptions {
        authorities: Some(authority.pem()),
        token_file: token_file.map(Path::to_owned),
        plain: false,
    };
    HttpFetcher::with(options).unwrap()
}

#[tokio::test]
async fn a_configured_authority_is_trusted_and_no_other() {
    let (own, other) = (authority(), authority());
    let server = Server::start(&own).await;
    assert_eq!(fetcher(&own, None).fetch(&server.url).await, Ok(b"{}".to_vec()));
    assert!(!server.heads()[0].to_lowercase().contains("authorization"));
    assert_eq!(fetcher(&other, None).fetch(&server.url).await, Err(FetchError::Connect));
    let system = HttpFetcher::new().unwrap();
    assert_eq!(system.fetch(&server.url).await, Err(FetchError::Connect));
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn other_authorities_can_be_trusted_later_and_wrong_ones_change_nothing() {
    let (old, new) = (authority(), authority());
    let (of_old, of_new) = (Server::start(&old).await, Server::start(&new).await);
    let fetcher = fetcher(&old, None);
    assert_eq!(fetcher.trust("hush"), Err(HttpFetcherError::Authorities));
    assert!(fetcher.fetch(&of_old.url).await.is_ok());
    fetcher.trust(&new.pem()).unwrap();
    assert!(fetcher.fetch(&of_new.url).await.is_ok());
    assert_eq!(fetcher.fetch(&of_old.url).await, Err(FetchError::Connect));
}

#[tokio::test]
async fn the_token_is_read_anew_for_each_fetch() {
    let authority = authority();
    let server = Server::start(&authority).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let fetcher = fetcher(&authority, Some(file.path()));
    for token in ["first.of.them", "second.of.them"] {
        fs::write(file.path(), format!("{token}\n")).unwrap();
        assert_eq!(fetcher.fetch(&server.url).await, Ok(b"{}".to_vec()));
        let head = server.heads().pop().unwrap();
        assert!(head.contains(&format!("authorization: Bearer {token}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn without_a_token_that_can_be_sent_nobody_is_asked() {
    let authority = authority();
    let server = Server::start(&authority).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "two\r\nlines: 1").unwrap();
    for path in [file.path(), Path::new("/nowhere/token")] {
        let outcome = fetcher(&authority, Some(path)).fetch(&server.url).await;
        assert_eq!(outcome, Err(FetchError::Token), "{}", path.display());
    }
    assert_eq!(server.heads(), Vec::<String>::new());
}

#[test]
fn authorities_that_are_no_certificates_are_refused() {
    let key = KeyPair::generate().unwrap();
    let broken = authority().pem().replace("MII", "MIJ");
    for pem in [String::new(), "no pem".to_owned(), key.public_key_pem(), broken] {
        let options = HttpOptions { authorities: Some(pem.clone()), ..HttpOptions::default() };
        assert_eq!(HttpFetcher::with(options).err(), Some(HttpFetcherError::Authorities), "{pem}");
    }
}
