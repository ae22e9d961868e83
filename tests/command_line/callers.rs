//! How callers of the internal listener prove themselves.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use capykeys_tests::{
    Authority, Installation, Server, Store,
    clerk::{self, Session},
    envoy::{block_on, connect_tls},
};
use reqwest::blocking::{Client, RequestBuilder, Response};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs, pki_types::pem::PemObject};
use serde_json::json;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const LIMIT: Duration = Duration::from_secs(20);
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SUBJECT: &str = "system:serviceaccount:gateway:envoy";

fn installation() -> Installation {
    Installation::new(Store::first()).set("INTERNAL__LISTEN", "127.0.0.1:0")
}

/// Which asks for the tokens of the stand-in for an issuer.
fn asking_for_tokens() -> Installation {
    installation()
        .unset("INTERNAL__GRPC_LISTEN")
        .set("INTERNAL__CALLERS", "token")
        .set("INTERNAL__TOKEN__ISSUER", ISSUER)
        .set("INTERNAL__TOKEN__AUDIENCE", "capykeys")
        .set("INTERNAL__TOKEN__SUBJECTS", &format!("system:serviceaccount:monitoring:prometheus, {SUBJECT}"))
}

fn with_pem(installation: Installation) -> Installation {
    let file = installation.directory().join("cluster.pem");
    fs::write(&file, clerk::public_key_pem()).unwrap();
    installation.set("INTERNAL__TOKEN__PEM_FILE", file.to_str().unwrap())
}

/// Which asks for certificates of this authority.
fn asking_for_certificates(authority: &Authority) -> Installation {
    let installation = with_tls(installation(), authority);
    installation.set("INTERNAL__CALLERS", "certificate").set("INTERNAL__TLS__CLIENT_CA_FILE", "ca.pem")
}

fn with_tls(installation: Installation, authority: &Authority) -> Installation {
    authority.equip(installation.directory());
    installation
        .set("INTERNAL__TLS__CERTIFICATE_FILE", "server.pem")
        .set("INTERNAL__TLS__KEY_FILE", "server.key")
}

/// A service account's token, as Kubernetes writes it.
fn token() -> Session {
    Session::new()
        .claim("iss", json!(ISSUER))
        .claim("aud", json!(["capykeys"]))
        .claim("sub", json!(SUBJECT))
        .with_header(|header| header.typ = None)
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A question about a key, to be sent with or without a proof.
fn question(client: &Client, base: &str) -> RequestBuilder {
    let body = json!({"api_key": "capy_live_x"}).to_string();
    client.post(format!("{base}/v1/api-keys/verify")).header("content-type", "application/json").body(body)
}

fn is_verdict(answer: Response) -> bool {
    answer.status() == 200 && answer.text().unwrap().contains("not_found")
}

#[test]
fn off_loopback_a_proof_is_asked_for_or_the_start_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:8081"] {
        let installation = Installation::bare().set("INTERNAL__LISTEN", address);
        for command in [&["config", "check"][..], &["serve"]] {
            let output = installation.run_briefly(command);
            let line = output.expect_failure();
            assert!(line.contains("internal.listen is not a loopback address"), "{line}");
        }
        assert!(!installation.directory().join("capykeys-data").exists(), "the store was touched");
    }
    for address in ["127.0.0.2:0", "[::1]:0"] {
        let installation = Installation::bare().set("INTERNAL__LISTEN", address);
        let _ = installation.run(&["config", "check"]).expect_success();
    }
    let anywhere = with_pem(asking_for_tokens()).set("INTERNAL__LISTEN", "0.0.0.0:0");
    let output = anywhere.run(&["config", "check"]).expect_success();
    assert!(output.stderr.contains("cluster tokens can be read on their way"), "{}", output.stderr);
}

#[test]
fn tokens_are_asked_for_where_it_is_about_keys() {
    let server = Server::start(&Arc::new(with_pem(asking_for_tokens())));
    let (client, base) = (client(), format!("http://{}", server.internal_address()));
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(client.get(format!("{base}{path}")).send().unwrap().status(), 200, "{path}");
    }
    let ask = |token: &str| question(&client, &base).bearer_auth(token).send().unwrap();
    assert_eq!(question(&client, &base).send().unwrap().status(), 401);
    for bad in [
        token().sign_with_another_key(),
        token().claim("aud", json!(["https://kubernetes.default.svc.cluster.local"])).sign(),
        token().claim("iss", json!("https://elsewhere.example")).sign(),
        token().claim("sub", json!("system:serviceaccount:default:default")).sign(),
        token().claim("exp", json!(1)).sign(),
    ] {
        let answer = ask(&bad);
        assert_eq!(answer.status(), 401);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge, r#"Bearer realm="cluster", error="invalid_token""#);
    }
    let good = token().sign();
    assert!(is_verdict(ask(&good)));
    let line = server.log.wait_for(LIMIT, |line| line.contains(SUBJECT).then(|| line.to_owned()));
    assert!(line.unwrap().contains("/v1/api-keys/verify"), "the log names the workload");
    assert!(!server.log.text().contains(good.split('.').next_back().unwrap()), "a token is logged");
}

#[test]
fn tokens_may_travel_inside_of_tls() {
    let authority = Authority::new();
    let server = Server::start(&Arc::new(with_tls(with_pem(asking_for_tokens()), &authority)));
    let (client, base) = (authority.stranger(), format!("https://{}", server.internal_address()));
    assert_eq!(client.get(format!("{base}/readyz")).send().unwrap().status(), 200);
    assert_eq!(question(&client, &base).send().unwrap().status(), 401);
    assert!(is_verdict(question(&client, &base).bearer_auth(token().sign()).send().unwrap()));
}

#[test]
fn only_clients_with_a_certificate_of_the_authority_are_answered() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&Arc::new(asking_for_certificates(&authority)));
    let base = format!("https://{}", server.internal_address());
    let client = authority.client(&authority, "gateway.example");
    assert_eq!(client.get(format!("{base}/metrics")).send().unwrap().status(), 200);
    assert!(is_verdict(question(&client, &base).send().unwrap()));
    for stranger in [authority.stranger(), authority.client(&other, "gateway.example")] {
        for path in ["/metrics", "/readyz"] {
            assert!(stranger.get(format!("{base}{path}")).send().is_err(), "{path}");
        }
    }
    let plain = base.replace("https", "http");
    assert!(client.get(format!("{plain}/readyz")).send().is_err());
    for named in ["gateway.example", "the client has shown no certificate", "does not speak TLS"] {
        server.says(LIMIT, named);
    }
    // What is for everybody is as it was.
    server.get("/livez").send().expect(200);
}

#[test]
fn over_grpc_too_only_clients_with_a_certificate_of_the_authority_are_answered() {
    let (authority, other) = (Authority::new(), Authority::new());
    let anywhere = asking_for_certificates(&authority).set("INTERNAL__GRPC_LISTEN", "0.0.0.0:0");
    let _ = anywhere.run(&["config", "check"]).expect_success();
    let server = Server::start(&Arc::new(asking_for_certificates(&authority)));
    let address = server.grpc_address();
    let is_healthy = |config| {
        block_on(async {
            let channel = connect_tls(address, config).await.ok()?;
            HealthClient::new(channel).check(HealthCheckRequest::default()).await.ok()
        })
    };
    let rustls = |signer| authority.rustls_client(signer);
    assert!(is_healthy(rustls(None)).is_none());
    assert!(is_healthy(rustls(Some(&other))).is_none());
    assert!(is_healthy(rustls(Some(&authority))).is_some());
    assert!(block_on(connect_tls(server.internal_address(), rustls(Some(&authority)))).is_err());
}

/// Answers each request with the issuer's keys and tells its head, until the process ends.
fn api_server(authority: &Authority) -> (String, Receiver<String>) {
    let (certificate, key) = authority.certificate("127.0.0.1");
    let chain = vec![PemObject::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PemObject::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/openid/v1/jwks", listener.local_addr().unwrap());
    let (heads, received) = channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, connection.unwrap());
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            heads.send(String::from_utf8_lossy(&head[..length]).into_owned()).unwrap();
            let body = clerk::jwks().to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    (url, received)
}

#[test]
fn keys_are_fetched_from_the_clusters_api_server_with_its_authority_and_a_token() {
    let authority = Authority::new();
    let (url, heads) = api_server(&authority);
    let installation = asking_for_tokens()
        .set("INTERNAL__TOKEN__JWKS_URL", &url)
        .set("INTERNAL__TOKEN__JWKS_CA_FILE", "ca.pem")
        .set("INTERNAL__TOKEN__JWKS_TOKEN_FILE", "own.token");
    authority.equip(installation.directory());
    fs::write(installation.directory().join("own.token"), "the.pods.own\n").unwrap();
    let server = Server::start(&Arc::new(installation));
    let base = format!("http://{}", server.internal_address());
    assert!(is_verdict(question(&client(), &base).bearer_auth(token().sign()).send().unwrap()));
    let head = heads.recv_timeout(LIMIT).unwrap();
    assert!(head.starts_with("GET /openid/v1/jwks HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer the.pods.own\r\n"), "{head}");
}

#[test]
fn each_thing_that_cannot_work_is_refused_with_its_sentence() {
    let authority = Authority::new();
    let bare = || with_tls(installation(), &authority);
    let tokens = || with_pem(asking_for_tokens());
    let certificates = || asking_for_certificates(&authority);
    let other_key = |installation: Installation| {
        fs::write(installation.directory().join("server.key"), authority.certificate("a").1).unwrap();
        installation
    };
    let url = "https://127.0.0.1:1/openid/v1/jwks";
    let jwks = || asking_for_tokens().set("INTERNAL__TOKEN__JWKS_URL", url);
    for (installation, sentence) in [
        (
            installation().set("INTERNAL__CALLERS", "token"),
            "internal.token.issuer and internal.token.audience",
        ),
        (installation().set("INTERNAL__CALLERS", "nonsense"), "internal.callers"),
        (tokens().set("INTERNAL__GRPC_LISTEN", "127.0.0.1:0"), "so internal.grpc_listen must not be set"),
        (tokens().set("INTERNAL__CALLERS", "loopback"), "internal.callers must be token"),
        (tokens().unset("INTERNAL__TOKEN__ISSUER"), "`internal.token.issuer` must be one text"),
        (tokens().unset("INTERNAL__TOKEN__AUDIENCE"), "`internal.token.audience` must be one text"),
        (
            tokens().set("INTERNAL__TOKEN__SUBJECTS", "two words"),
            "`internal.token.subjects[0]` must be the name of a service account",
        ),
        (tokens().set("INTERNAL__TOKEN__JWKS_URL", url), "either jwks_url or pem_file"),
        (asking_for_tokens(), "either jwks_url or pem_file"),
        (tokens().set("INTERNAL__TOKEN__JWKS_CA_FILE", "ca.pem"), "are for internal.token.jwks_url"),
        (tokens().set("INTERNAL__TOKEN__PEM_FILE", "/nowhere"), "internal.token.pem_file"),
        (jwks().set("INTERNAL__TOKEN__JWKS_URL", "http://10.0.0.1/jwks"), "must be an https URL"),
        (jwks().set("INTERNAL__TOKEN__JWKS_CA_FILE", "cluster.pem"), "internal.token.jwks_ca_file"),
        (jwks().set("INTERNAL__TOKEN__JWKS_TOKEN_FILE", "/nowhere"), "internal.token.jwks_token_file"),
        (certificates().unset("INTERNAL__TLS__CLIENT_CA_FILE"), "internal.tls.client_ca_file must be set"),
        (certificates().unset("INTERNAL__TLS__KEY_FILE"), "both certificate_file and key_file"),
        (certificates().set("INTERNAL__CALLERS", "loopback"), "internal.callers must be certificate"),
        (bare().set("INTERNAL__TLS__CERTIFICATE_FILE", "server.key"), "must hold certificates in PEM"),
        (bare().set("INTERNAL__TLS__KEY_FILE", "server.pem"), "must hold a private key in PEM"),
        (certificates().set("INTERNAL__TLS__CLIENT_CA_FILE", "server.key"), "must hold certificates"),
        (other_key(bare()), "internal.tls.key_file is not the key of internal.tls.certificate_file"),
    ] {
        let output = installation.run_briefly(&["config", "check"]);
        let line = output.expect_failure();
        assert!(line.contains(sentence), "{sentence}: {line}");
    }
}
