//! `capykeys serve` with nothing configured.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::Arc, time::Duration};

use capykeys_tests::{Installation, Server, Store, on_every_store, secrets};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);

on_every_store![
    embedded:
    the_first_key_is_printed_by_the_first_start_alone,
    the_data_is_for_its_owner_alone,
    neither_the_key_nor_its_secret_part_is_in_the_data,
    an_operator_who_made_a_key_first_is_not_given_another,
];

/// The curl line that was printed, as a user would copy it.
fn printed_curl(server: &Server) -> String {
    let line = server.stdout.wait_for(LIMIT, |line| {
        let line = line.trim();
        line.starts_with("curl ").then(|| line.to_owned())
    });
    line.unwrap_or_else(|| panic!("no line with curl: {}", server.stdout.text()))
}

/// What the line sends, as a shell would read it; the machine may have no curl.
fn sent(line: &str) -> Value {
    let words = Command::new("sh").args(["-c", &format!("printf '%s\\n' {line}")]).output().expect("a shell");
    let words = String::from_utf8(words.stdout).unwrap();
    let words: Vec<_> = words.lines().collect();
    let ["curl", "-sS", "-H", header, url] = words[..] else { panic!("another line: {line}") };
    let (name, value) = header.split_once(": ").unwrap();
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).header(name, value).send().unwrap();
    serde_json::from_str(&answer.text().unwrap()).unwrap()
}

fn key_in(text: &str) -> &str {
    let start = text.find(secrets::KEY_PREFIX).expect("a key");
    &text[start..start + secrets::KEY_PREFIX.len() + 38]
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}

#[test]
fn the_printed_curl_line_works_as_it_stands() {
    let server = Server::start(&Arc::new(Installation::bare()));
    let me = sent(&printed_curl(&server));
    assert_eq!(me["principal"]["scopes"], json!(["*"]));
    let organization = me["organization"]["id"].as_str().unwrap();
    assert!(server.stdout.text().contains(organization), "the organization's id is not printed");
}

fn the_first_key_is_printed_by_the_first_start_alone(store: Store) {
    let installation = Arc::new(Installation::bare_on(store).set("LOG__LEVEL", "trace"));
    let first = Server::start(&installation);
    let curl = printed_curl(&first);
    let key = key_in(&curl).to_owned();
    let distinct: Vec<_> = first.stdout.text().match_indices(secrets::KEY_PREFIX).map(|(at, _)| at).collect();
    assert!(distinct.iter().all(|&at| first.stdout.text()[at..].starts_with(&key)), "more than one key");
    assert!(!first.log.text().contains(&key[10..]));
    drop(first);

    let second = Server::start(&installation);
    second.get("/v1/me").bearer(&key).send().expect(200);
    assert!(!second.stdout.text().contains(secrets::KEY_PREFIX), "a key was printed again");
    let organizations = installation.json(&["organizations", "list"]);
    assert_eq!(organizations["organizations"].as_array().unwrap().len(), 1);
}

fn the_data_is_for_its_owner_alone(store: Store) {
    let installation = Arc::new(Installation::bare_on(store));
    let _server = Server::start(&installation);
    let data = installation.data();
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("pepper")), 0o600);
}

fn neither_the_key_nor_its_secret_part_is_in_the_data(store: Store) {
    let installation = Arc::new(Installation::bare_on(store));
    let server = Server::start(&installation);
    let curl = printed_curl(&server);
    let secret = key_in(&curl).as_bytes()[14..].to_vec();
    server.kill();
    for entry in fs::read_dir(installation.data()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
    }
}

#[test]
fn the_first_key_may_go_to_a_file_instead_of_the_terminal() {
    let installation = Arc::new(Installation::bare().set("SQLITE__FIRST_KEY_FILE", "first.key"));
    let server = Server::start(&installation);
    let curl = printed_curl(&server);
    let path = installation.directory().join("first.key");
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let key = text.strip_suffix('\n').expect("one line");
    assert_eq!(key, key_in(key));
    assert!(curl.contains("$(cat 'first.key')"), "{curl}");
    assert!(!server.stdout.text().contains(secrets::KEY_PREFIX), "the key was printed");
    server.get("/v1/me").bearer(key).send().expect(200);
}

#[test]
fn no_first_key_is_made_where_its_file_cannot_be() {
    let installation = Installation::bare().set("SQLITE__FIRST_KEY_FILE", "first.key");
    let path = installation.directory().join("first.key");
    fs::write(&path, "somebody's").unwrap();
    let output = installation.run_briefly(&["serve"]);
    assert!(output.expect_failure().contains("sqlite.first_key_file"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
    fs::remove_file(&path).unwrap();
    let server = Server::start(&Arc::new(installation));
    printed_curl(&server);
    let key = fs::read_to_string(&path).unwrap();
    server.get("/v1/me").bearer(key.trim_end()).send().expect(200);
}

#[test]
fn the_printed_curl_line_leads_to_this_machine_where_all_addresses_are_listened_at() {
    for (listen, reached) in [("0.0.0.0:0", "http://127.0.0.1:"), ("[::]:0", "http://[::1]:")] {
        let output = Installation::bare().set("SERVER__LISTEN", listen).run_briefly(&["serve"]);
        assert!(output.stdout.contains(reached), "{}", output.stdout);
    }
}

fn an_operator_who_made_a_key_first_is_not_given_another(store: Store) {
    let installation = Arc::new(Installation::bare_on(store));
    let organization = installation.json(&["organizations", "create", "--name", "Acme"]);
    let id = organization["id"].as_str().unwrap();
    installation.json(&["keys", "create", "--organization", id, "--name", "n", "--scope", "*"]);
    let server = Server::start(&installation);
    assert!(!server.stdout.text().contains(secrets::KEY_PREFIX));
}
