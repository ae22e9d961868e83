//! `capykeys keys import` and `keys create --digest`.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use capykeys_tests::{Installation, Server, Store, Tenant, on_every_store, secrets, wait};
use serde_json::{Value, json};

on_every_store![
    keys_of_each_format_are_taken_by_a_server_that_runs,
    the_same_command_again_imports_nothing_twice,
    a_dry_run_says_what_would_happen_and_changes_nothing,
    lines_that_cannot_be_imported_are_named_and_keep_no_other_from_it,
    what_was_killed_is_gone_on_with,
    a_key_is_created_with_a_digest,
];

const LIMIT: Duration = Duration::from_mins(1);

fn secret(number: usize) -> String {
    format!("sk_live_hush_{number}_4eC39HqLyjWDarjtT1zdp7dc")
}

fn hex(secret: &str) -> String {
    secrets::brought_digest(secret)["sha256:".len()..].to_owned()
}

fn line(number: usize) -> Value {
    json!({"format": "sha256-hex", "digest": hex(&secret(number)), "name": "moved", "scopes": ["jobs:read"]})
}

fn lines(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number));
        text
    })
}

/// Runs the import with this on its standard input.
fn import(tenant: &Tenant<'_>, input: &str, more: &[&str]) -> Output {
    let arguments = [&["keys", "import", "--organization", &tenant.id, "-"], more].concat();
    let mut command = tenant.server.installation().command(&arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    for text in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(text).contains("hush"), "a part of a line is printed");
    }
    output
}

fn outcome(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What an import that leaves nothing out has done.
fn imported(tenant: &Tenant<'_>, input: &str, more: &[&str]) -> Value {
    let output = import(tenant, input, more);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    outcome(&output)
}

fn counts(lines: usize, imported: usize, present: usize, duplicates: usize, refused: usize) -> Value {
    json!({"dry_run": false, "lines": lines, "imported": imported, "present": present, "duplicates": duplicates, "refused": refused})
}

fn server(store: Store) -> Server {
    Server::start(&Arc::new(Installation::new(store)))
}

fn keys_of_each_format_are_taken_by_a_server_that_runs(store: Store) {
    let server = server(store);
    let acme = Tenant::new(&server);
    let secrets: Vec<_> = (0..3).map(secret).collect();
    // They were tried before, and are not remembered as absent.
    for secret in &secrets {
        assert!(!acme.accepts(secret));
    }
    let mut base64 = line(1);
    base64["format"] = "sha256-base64".into();
    base64["digest"] = STANDARD.encode(secrets::sha256(&secrets[1])).into();
    let plain = json!({
        "format": "plaintext", "secret": secrets[2], "name": "plain", "scopes": ["backups:read"], "project_id": "p1",
        "key_prefix": "sk_live_", "device_name": "laptop", "expires_at": "2030-01-01T00:00:00Z",
    });
    let input = format!("{}\n\n{base64}\r\n{plain}", line(0));
    assert_eq!(imported(&acme, &input, &[]), counts(3, 3, 0, 0, 0));
    for secret in &secrets {
        assert!(acme.accepts(secret));
    }
    let keys = acme.list();
    let plain = keys.iter().find(|key| key["name"] == "plain").unwrap();
    assert_eq!((&plain["source"], &plain["key_prefix"]), (&json!("import"), &json!("sk_live_")));
    assert_eq!((&plain["project_id"], &plain["device_name"]), (&json!("p1"), &json!("laptop")));
    assert_eq!(
        (&plain["expires_at"], &plain["scopes"]),
        (&json!("2030-01-01T00:00:00Z"), &json!(["backups:read"]))
    );
    assert_eq!(keys.iter().filter(|key| key["source"] == "import").count(), 3);
    // And found by whoever looks for one that has leaked.
    let installation = acme.server.installation();
    let mut find = installation.command(&["keys", "find"]);
    let mut find = find.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    find.stdin.take().unwrap().write_all(secrets[2].as_bytes()).unwrap();
    assert_eq!(outcome(&find.wait_with_output().unwrap())["api_key"]["id"], plain["id"]);
    acme.revoke(plain["id"].as_str().unwrap());
    assert!(!acme.accepts(&secrets[2]));
    server.assert_no_leak();
}

fn the_same_command_again_imports_nothing_twice(store: Store) {
    let acme = store.tenant();
    // Of its own: a store may be shared.
    let own = |number: usize| format!("sk_live_hush_{}_{number}_4eC39HqLyjWDarjtT1zdp7dc", acme.id);
    let own_line = |number: usize| {
        let mut line = line(0);
        line["digest"] = hex(&own(number)).into();
        format!("{line}\n")
    };
    let half: String = (0..600).map(own_line).collect();
    assert_eq!(imported(&acme, &half, &[]), counts(600, 600, 0, 0, 0));
    assert!(acme.accepts(&own(599)));
    let all: String = (0..1_200).chain([3, 1_199]).map(own_line).collect();
    assert_eq!(imported(&acme, &all, &[]), counts(1_202, 600, 600, 2, 0));
    assert_eq!(imported(&acme, &all, &[]), counts(1_202, 0, 1_200, 2, 0));
    assert_eq!(acme.list().len(), 1_201);
    let other = store.tenant();
    let output = import(&other, &own_line(0), &[]);
    assert_eq!((output.status.code(), outcome(&output)), (Some(1), counts(1, 0, 0, 0, 1)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("line 1: there is an API key with this secret already."), "{said}");
    assert_eq!(other.list().len(), 1);
}

fn a_dry_run_says_what_would_happen_and_changes_nothing(store: Store) {
    let server = server(store);
    let acme = Tenant::new(&server);
    imported(&acme, &lines([0]), &[]);
    let before = acme.stored();
    let mut broken = line(9);
    broken["scopes"] = json!(["hush"]);
    let output = import(&acme, &format!("{}{broken}\n", lines([0, 1, 2, 1])), &["--dry-run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("line 4: has the secret of a line before it"), "{said}");
    assert!(said.contains("line 5: `scopes[0]` is not a known scope."), "{said}");
    let mut expected = counts(5, 2, 1, 1, 1);
    expected["dry_run"] = true.into();
    assert_eq!(outcome(&output), expected);
    assert_eq!(acme.stored(), before);
    assert!(!acme.accepts(&secret(1)));
}

fn lines_that_cannot_be_imported_are_named_and_keep_no_other_from_it(store: Store) {
    let server = server(store);
    let acme = Tenant::new(&server);
    let taken = secret(7);
    acme.bring(&taken, &["jobs:read"]);
    let with = |number: usize, member: &str, value: Value| {
        let mut line = line(number);
        line[member] = value;
        line.to_string()
    };
    let input = [
        line(0).to_string(),
        "hush".to_owned(),
        with(1, "organization_id", "org_01h455vb4pex5vsknk084sn02q".into()),
        with(2, "expire_at", "hush".into()),
        with(3, "format", "bcrypt".into()),
        with(7, "name", "taken".into()),
        format!("{{\"secret\":\"{}\"}}", "hush".repeat(100_000)),
        line(4).to_string(),
    ]
    .join("\n");
    let output = import(&acme, &input, &[]);
    assert_eq!((output.status.code(), outcome(&output)), (Some(1), counts(8, 2, 0, 0, 6)));
    let said = String::from_utf8_lossy(&output.stderr);
    for expected in [
        "line 2: is no JSON (column 1)",
        "line 3: there is no such organization.",
        "line 4: is no object of the members that there are",
        "line 5: `format` must be sha256-hex, sha256-base64 or plaintext.",
        "line 6: there is an API key with this secret already.",
        "line 7: is longer than 64 KiB",
        "error: 6 of 8 lines cannot be imported as they are",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(acme.accepts(&secret(0)) && acme.accepts(&secret(4)) && !acme.accepts(&secret(1)));
    // In a file nothing is in plaintext.
    let file = server.installation().directory().join("keys.ndjson");
    let plain = with(5, "format", "plaintext".into()).replace("digest", "secret");
    fs::write(&file, format!("{plain}\n{}", lines([6]))).unwrap();
    let command = ["keys", "import", "--organization", &acme.id, file.to_str().unwrap()];
    let output = server.installation().run(&command);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("line 1: a secret in plaintext is taken from standard input alone."));
    assert!(acme.accepts(&secret(6)));
    // One secret for two organizations: the second has no key with it, so it is not as if it were there twice.
    let other = server.installation().json(&["organizations", "create", "--name", "Other"]);
    let twice = [line(9).to_string(), with(9, "organization_id", other["id"].clone())].join("\n");
    let output = import(&acme, &twice, &[]);
    assert_eq!((output.status.code(), outcome(&output)), (Some(1), counts(2, 1, 0, 0, 1)));
    server.installation().json(&["organizations", "suspend", &acme.id]);
    let output = import(&acme, &lines([8]), &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 1: the organization is suspended."));
}

fn what_was_killed_is_gone_on_with(store: Store) {
    const LINES: usize = 3_000;
    let server = server(store);
    let acme = Tenant::new(&server);
    let file = server.installation().directory().join("keys.ndjson");
    fs::write(&file, lines(0..LINES)).unwrap();
    let arguments = ["keys", "import", "--organization", &acme.id, file.to_str().unwrap()];
    for killed_after in [1, 1_200] {
        let mut child = server.installation().command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        wait::until("some are imported", LIMIT, || (acme.list().len() > killed_after).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let left = server.installation().json(&arguments);
    assert_eq!((&left["lines"], &left["refused"]), (&json!(LINES), &json!(0)));
    assert_eq!(left["imported"].as_u64().unwrap() + left["present"].as_u64().unwrap(), LINES as u64);
    assert_eq!(acme.list().len(), 1 + LINES);
    assert!(acme.accepts(&secret(0)) && acme.accepts(&secret(LINES - 1)));
}

fn a_key_is_created_with_a_digest(store: Store) {
    let acme = store.tenant();
    let own = secret(0) + &acme.id;
    let digest = secrets::brought_digest(&own);
    let create = ["keys", "create", "--organization", &acme.id, "--name", "own", "--scope", "jobs:read"];
    let installation = acme.server.installation();
    let created =
        installation.json(&[&create[..], &["--digest", &digest, "--key-prefix", "sk_live_"]].concat());
    assert_eq!(created.as_object().unwrap().keys().collect::<Vec<_>>(), ["api_key"]);
    assert_eq!(
        (&created["api_key"]["source"], &created["api_key"]["key_prefix"]),
        (&json!("operator"), &json!("sk_live_"))
    );
    assert!(acme.accepts(&own));
    let again = installation.run(&[&create[..], &["--digest", &digest]].concat());
    assert!(again.expect_failure().contains("There is an API key with this secret already."));
    for wrong in [&["--digest", "sha256:hush"][..], &["--key-prefix", "hush"]] {
        let output = installation.run(&[&create[..], wrong].concat());
        assert_eq!(output.code, Some(2));
        assert!(!output.stderr.contains("hush"), "{}", output.stderr);
    }
}
