//! Servers that are restarted in turn behind nginx, which balances the API's requests between them.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_tests::{
    Installation, Server, Store, Tenant, on_every_store, server::free_address, settings, wait,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    message::Message,
    request::{Connection, Request},
};

on_every_store![replicas: no_request_is_lost_when_servers_are_restarted_in_turn];

const LIMIT: Duration = Duration::from_mins(1);
const CLIENTS: usize = 8;
/// How many requests each phase of a restart has to see.
const LOAD: u64 = 300;

const CONFIGURATION: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gateways/nginx/several-servers.conf");

fn configuration(clients: SocketAddr, servers: [SocketAddr; 2]) -> String {
    let mut text = fs::read_to_string(CONFIGURATION).expect("the configuration");
    let replacements = [
        ("/run/nginx.pid", "nginx.pid".to_owned()),
        ("0.0.0.0:8000", clients.to_string()),
        ("capykeys-1:8080", servers[0].to_string()),
        ("capykeys-2:8080", servers[1].to_string()),
    ];
    for (from, to) in replacements {
        assert!(text.contains(from), "{from} is not in the configuration");
        text = text.replace(from, &to);
    }
    text
}

struct Nginx {
    child: Child,
    _directory: TempDir,
}

impl Nginx {
    fn start(clients: SocketAddr, servers: [SocketAddr; 2]) -> Self {
        let directory = tempfile::tempdir().expect("a folder of its own");
        fs::write(directory.path().join("nginx.conf"), configuration(clients, servers))
            .expect("it is written");
        let child = Command::new(settings::gateway("nginx"))
            .arg("-p")
            .arg(directory.path())
            .args(["-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        wait::until("nginx listens", LIMIT, || TcpStream::connect(clients).ok());
        Self { child, _directory: directory }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Whom clients ask, and what they count.
struct Load {
    nginx: SocketAddr,
    requests: [(Request, u16); 2],
    answered: AtomicU64,
    lost: Mutex<BTreeMap<Option<u16>, u64>>,
    is_over: AtomicBool,
}

impl Load {
    /// Asks on one connection, and on a new one where nginx has closed it, until it is over.
    fn run(&self) {
        let mut connection = Connection::open(self.nginx);
        for (request, wanted) in self.requests.iter().cycle() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let answer = connection.try_exchange(request);
            let status = answer.as_ref().map(Message::status);
            if status == Some(*wanted) {
                self.answered.fetch_add(1, Ordering::Relaxed);
            } else {
                *self.lost.lock().unwrap().entry(status).or_default() += 1;
            }
            // nginx ends a connection after a thousand requests, and says so.
            if answer.is_none_or(|answer| answer.header("connection") == Some("close")) {
                connection = Connection::open(self.nginx);
            }
        }
    }

    fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        wait::until("the load goes on", LIMIT, || {
            (self.answered.load(Ordering::Relaxed) > before + LOAD).then_some(())
        });
    }
}

fn no_request_is_lost_when_servers_are_restarted_in_turn(store: Store) {
    let (first, addresses) = (Installation::new(store), [free_address(), free_address()]);
    let mut servers = addresses.map(|address| {
        let installation = first.beside();
        let listen = address.to_string();
        Server::start(&Arc::new(installation.set("SERVER__LISTEN", &listen).set("SERVER__DRAIN", "1s")))
    });
    let tenant = Tenant::new(&servers[0]);
    let (keys, key) = (tenant.keys_path(), tenant.key_with(&["api_keys:write"]).plaintext);
    let body = json!({"name": "made meanwhile", "scopes": ["api_keys:write"]}).to_string();
    let creation = Request::post(&keys, body).header("Content-Type", "application/json");
    let load = Load {
        nginx: free_address(),
        requests: [(Request::get("/v1/me").bearer(&key), 200), (creation.bearer(&key), 201)],
        answered: AtomicU64::new(0),
        lost: Mutex::default(),
        is_over: AtomicBool::new(false),
    };
    let _nginx = Nginx::start(load.nginx, addresses);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| load.run())).collect();
        for _ in 0..settings::number("CAPYKEYS_TEST_RESTARTS", 1) {
            for server in &mut servers {
                load.goes_on();
                server.signal(Signal::TERM);
                assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());
                load.goes_on();
                *server = Server::start(&Arc::clone(server.installation()));
            }
        }
        load.goes_on();
        load.is_over.store(true, Ordering::Relaxed);
        drop(clients);
    });
    let answered = load.answered.into_inner();
    assert_eq!(load.lost.into_inner().unwrap(), BTreeMap::new(), "of {answered}");
}
