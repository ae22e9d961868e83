//! The examples of the libraries' READMEs, as they stand there (`tests/project` compares them).

use std::{net::TcpStream, process::Stdio, time::Duration};

use capykeys_tests::{secrets, server::free_address, wait};
use reqwest::blocking::Client;

use crate::{guarded::command, replicas::replicas};

fn run(name: &str) {
    let Some(mut command) = command(name) else {
        eprintln!("skipped: what {name} needs is not installed");
        return;
    };
    let (address, acme) = (free_address(), replicas().tenant());
    let mut example = command
        .env("CAPYKEYS_URL", format!("http://{}", replicas().b.internal_address()))
        .env("LISTEN", address.to_string())
        .stdin(Stdio::null())
        .spawn()
        .expect("a shell");
    wait::until("it listens", Duration::from_mins(1), || {
        assert_eq!(example.try_wait().expect("its state"), None, "{name} has ended");
        TcpStream::connect(address).ok()
    });
    let client = Client::builder().no_proxy().build().expect("a client");
    let ask = |key: Option<&str>| {
        let request = client.get(format!("http://{address}/jobs"));
        let request = key.into_iter().fold(request, reqwest::blocking::RequestBuilder::bearer_auth);
        let answer = request.send().expect("an answer");
        (answer.status().as_u16(), answer.text().expect("a text"))
    };
    let key = acme.key_with(&["jobs:read"]).plaintext;
    // Its time limit is the usual one, and this machine is busy.
    let known = |key: Option<&str>| {
        wait::until("there is a verdict", Duration::from_mins(1), || {
            Some(ask(key)).filter(|(status, _)| *status != 503)
        })
    };
    let good = known(Some(&key));
    let others = [None, Some(secrets::unknown_key()), Some(&*acme.key_with(&["projects:read"]).plaintext)];
    let others = others.map(|key| known(key).0);
    let _ = example.kill();
    let _ = example.wait();
    assert!(good.0 == 200 && good.1.contains(&acme.id), "{good:?}");
    assert_eq!(others, [401, 401, 403]);
}

macro_rules! examples {
    ($($test:ident: $name:literal),+) => { $(
        #[test]
        #[ignore = "needs the guarded servers: make verifiers"]
        fn $test() {
            run($name);
        }
    )+ };
}

examples![
    the_example_for_go: "go-example",
    the_example_for_typescript: "typescript-example",
    the_example_for_python: "python-example",
    the_example_for_rust: "rust-example"
];
