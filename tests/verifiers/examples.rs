//! The examples of the libraries' READMEs, as they stand there (`tests/project` compares them).

use std::{
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    process::{Child, Stdio},
    time::Duration,
};

use capykeys_tests::{
    secrets,
    server::{Leash, free_address},
    wait,
};
use reqwest::blocking::Client;

use crate::{guarded::command, replicas::replicas};

/// A running example, which ends when this is dropped, and with this process at the latest: it knows nothing of tests.
struct Example {
    child: Child,
    _leash: Leash,
}

impl Example {
    fn start(name: &str, address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let child = command(name)
            .env("CAPYKEYS_URL", format!("http://{}", replicas().b.internal_address()))
            .env("LISTEN", address.to_string())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        Self { _leash: Leash::on_group(child.id(), &folder), child }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(name: &str) {
    let (address, acme) = (free_address(), replicas().tenant());
    let mut example = Example::start(name, address);
    wait::until("it listens", Duration::from_mins(1), || {
        assert_eq!(example.child.try_wait().expect("its state"), None, "{name} has ended");
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
