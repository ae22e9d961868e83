//! That the searches in `src/tests` would see a mistake in the crate itself. Each is made in a copy of the
//! crate, as a change of its text, so that the crate knows nothing of it; then a search has to fail.
//!
//! `cargo test -p capykeys-cache --test mutants -- --ignored`. Each mutant is compiled, one at a time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, PoisonError},
};

/// In this file under `src`, this text, which stands there once, becomes that.
type Edit = (&'static str, &'static str, &'static str);

/// A test that fails for the mutant, and what it says then.
type Caught = (&'static str, &'static str);

const SIMULATED: Caught =
    ("simulation::no_replica_accepts_a_revoked_key_later_than_promised", "CAPYKEYS_TEST_SEED=");
const FOUND: Caught = ("exhaustive::no_order_of_events_breaks_the_promise", "Accepted");
const FOUND_IF_KEPT: Caught =
    ("exhaustive::no_order_of_events_breaks_it_where_verdicts_are_kept", "KeptAfterDelete");
const FOUND_IF_SLOW: Caught = ("exhaustive::no_order_of_events_breaks_it_where_reads_are_slow", "Accepted");
const FOUND_IN_A_FAILOVER: Caught =
    ("exhaustive::no_order_of_events_breaks_it_in_a_failover_with_slow_reads", "Accepted");
const SCHEDULED_AFTER_TOLD: Caught = ("schedules::no_schedule_breaks_the_promise", ": AcceptedAfterTold");
const SCHEDULED_TOO_LATE: Caught = ("schedules::no_schedule_breaks_the_promise", ": AcceptedTooLate");
const SCHEDULED_LEFT_BEHIND: Caught = ("schedules::no_schedule_breaks_the_promise", ": LeftBehind");
const CROWDED: Caught = ("schedules::crowd::those_who_ask_at_once_share_one_read", "reads: [");

/// There is one copy, so that each mutant compiles no more than what it changes.
static COPY: Mutex<()> = Mutex::new(());

macro_rules! caught {
    ($($name:ident: $caught:expr, $edits:expr;)*) => {
        $(#[test]
        #[ignore = "compiles a mutant: make ci-full"]
        fn $name() {
            assert_caught(&$caught, &$edits);
        })*

        #[test]
        fn every_edit_can_still_be_made() {
            $(mutated(&$edits);)*
        }
    };
}

caught! {
    a_lease_from_the_time_of_receipt_is_caught: [SIMULATED, FOUND, SCHEDULED_TOO_LATE], [(
        "machine.rs",
        "        match answer {",
        "        let sent = &SentPoll { sent: now, ..sent.clone() };
        match answer {",
    )];
    a_lease_extended_before_applying_is_caught: [SIMULATED, FOUND, SCHEDULED_AFTER_TOLD], [
        (
            "machine.rs",
            "self.apply(changes);",
            "let late = std::mem::replace(&mut self.late, changes.clone());
                self.apply(&late);",
        ),
        (
            "machine.rs",
            "organizations: CachedOrganizations,",
            "organizations: CachedOrganizations, late: Vec<capykeys_domain::ports::Change>,",
        ),
        (
            "machine.rs",
            "organizations: CachedOrganizations::default(),",
            "organizations: CachedOrganizations::default(), late: Vec::new(),",
        ),
        (
            "machine/tests.rs",
            "organizations: self.organizations.clone(),",
            "organizations: self.organizations.clone(), late: self.late.clone(),",
        ),
        ("machine/tests.rs", "self.keys.fingerprint(now))", "self.keys.fingerprint(now), self.late.clone())"),
    ];
    a_lease_from_an_incomplete_poll_is_caught: [SIMULATED], [
        ("machine.rs", "if !complete {", "if false {"),
    ];
    fills_without_a_fence_are_caught: [SIMULATED, FOUND_IF_SLOW, SCHEDULED_AFTER_TOLD], [
        ("machine.rs", "if !same || !untouched {", "if !same {"),
    ];
    a_fill_from_before_a_restart_is_caught: [SIMULATED, FOUND_IN_A_FAILOVER], [
        ("machine.rs", "if !same || !untouched {", "if !untouched {"),
    ];
    reads_of_any_age_are_caught: [SIMULATED, FOUND_IF_SLOW], [
        ("machine.rs", "let until = sent.began.after(self.lease);", "let until = BootTime::new(Duration::MAX);"),
    ];
    a_divergence_that_is_ignored_is_caught: [SIMULATED], [(
        "machine.rs",
        "self.clear();
                self.position = Some(head.position);",
        "if sent.position.is_none() { self.clear(); }
                self.position = Some(head.position);",
    )];
    an_entry_that_is_found_by_its_id_alone_is_caught: [SIMULATED], [
        ("cached_keys.rs", "    hand: usize,", "    hand: usize, ids: HashMap<[u8; 32], KeyId>,"),
        ("cached_keys.rs", "            hand: 0,", "            hand: 0, ids: HashMap::new(),"),
        ("cached_keys.rs", "by_key, hand }", "by_key, hand, ids }"),
        ("cached_keys.rs", "hand: *hand,", "hand: *hand, ids: ids.clone(),"),
        (
            "cached_keys.rs",
            "self.by_digest.get(digest.as_bytes())?",
            "self.by_key.get(self.ids.get(digest.as_bytes())?)?",
        ),
        ("cached_keys.rs", ".filter(|slot| slot.found.digest == *digest)", ""),
        (
            "cached_keys.rs",
            "self.by_key.insert(found.key.id, place);",
            "self.by_key.insert(found.key.id, place);
        self.ids.insert(*found.digest.as_bytes(), found.key.id);",
        ),
    ];
    a_cache_without_a_lease_is_caught: [SIMULATED, FOUND], [
        ("machine.rs", "let until = self.lease_until;", "let until = BootTime::new(Duration::MAX);"),
    ];
    a_lease_before_registration_is_caught: [SIMULATED, FOUND], [
        ("machine/apply.rs", "if !registered {", "if false {"),
    ];
    a_confirmation_that_waits_for_nobody_who_keeps_a_verdict_is_caught: [SIMULATED, FOUND_IF_KEPT], [
        ("machine/apply.rs", "(new && now >= self.kept_until).then_some", "new.then_some"),
    ];
    a_read_that_is_fenced_from_its_answer_on_is_caught: [SCHEDULED_AFTER_TOLD], [(
        "cache.rs",
        "drop(landing);",
        "drop(read);
        let read = self.begin_read(now);
        drop(landing);",
    )];
    a_read_that_is_joined_once_it_is_over_is_caught: [SCHEDULED_AFTER_TOLD], [
        ("cache.rs", "drop(landing);", "let _landing = landing;"),
    ];
    a_read_that_is_joined_without_a_lease_is_caught: [SCHEDULED_AFTER_TOLD], [
        ("cache.rs", "let any = self.lease_remaining().is_some();", "let any = true;"),
    ];
    a_read_that_is_joined_as_if_it_waited_still_is_caught: [SCHEDULED_AFTER_TOLD], [
        ("single_flight.rs", "landing.take_off();", ""),
    ];
    a_verdict_without_a_last_look_at_the_clock_is_caught: [SCHEDULED_TOO_LATE], [
        ("cache.rs", "if answer.remaining(now).is_some() {", "if true {"),
    ];
    reads_that_are_given_up_and_not_ended_are_caught: [SCHEDULED_LEFT_BEHIND], [
        ("cache.rs", "self.write().abandon_read(&read)", "drop(read)"),
    ];
    a_crowd_that_shares_nothing_is_caught: [CROWDED], [
        ("cache.rs", "self.0.flights.join_or_start(", "Arc::<SingleFlight>::default().join_or_start("),
    ];
}

fn assert_caught(caught: &[Caught], edits: &[Edit]) {
    let _one_at_a_time = COPY.lock().unwrap_or_else(PoisonError::into_inner);
    let copy = copy(edits);
    let built = cargo(&copy, &["--no-run"]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for (name, says) in caught {
        let test = format!("tests::{name}");
        let ran = cargo(&copy, &["--", "--exact", "--include-ignored", &test]);
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(!ran.status.success() && said.contains(says), "{name} has not caught it: {said}");
    }
}

fn cargo(copy: &Path, arguments: &[&str]) -> Output {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--offline", "--quiet", "--lib", "--target-dir"]).arg(shared);
    cargo.args(arguments).current_dir(copy.join("cache")).output().unwrap()
}

/// A workspace with a copy of this crate, which the edits are made in, beside the others as they are.
fn copy(edits: &[Edit]) -> PathBuf {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = this.parent().unwrap();
    let workspace = crates.parent().unwrap();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let manifest = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    let manifest = once(&manifest, r#"members = ["crates/*", "tests"]"#, r#"members = ["cache"]"#);
    let manifest = manifest.replace(r#"path = "crates/"#, &format!(r#"path = "{}/"#, crates.display()));
    write(&copy.join("Cargo.toml"), &manifest);
    write(&copy.join("Cargo.lock"), &fs::read_to_string(workspace.join("Cargo.lock")).unwrap());
    write(&copy.join("cache/Cargo.toml"), &fs::read_to_string(this.join("Cargo.toml")).unwrap());
    for (place, text) in mutated(edits) {
        write(&copy.join("cache/src").join(place), &text);
    }
    copy
}

/// The crate's text by its place under `src`, with the edits made.
fn mutated(edits: &[Edit]) -> BTreeMap<PathBuf, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file.strip_prefix(&src).unwrap().to_owned(), text)
    };
    let mut texts: BTreeMap<_, _> = files(&src).into_iter().map(read).collect();
    for (file, from, to) in edits {
        let text = texts.get_mut(Path::new(file)).unwrap();
        *text = once(text, from, to);
    }
    texts
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn once(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` has to stand there once");
    text.replacen(from, to, 1)
}

/// Leaves a file alone that is so already: cargo goes by its time.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
