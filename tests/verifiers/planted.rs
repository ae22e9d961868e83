//! Mistakes that are planted in a copy of one library, to see that a case would notice them in any: the one for
//! `FastAPI` and Django, which needs no compiler.

use std::{
    any::Any,
    cell::RefCell,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
};

use crate::{clock, credentials, faults, memory, questions, revocations};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/python/src/capykeys_verifier");

type Case = fn(&'static str);

/// In this file, this text, which stands there once, becomes that; a case that fails then.
const MISTAKES: &[(&str, &str, &str, Case)] = &[
    (
        "_verdict.py",
        "max(now.measured - self.asked.measured, now.told - self.asked.told)",
        "now.told - self.asked.told",
        clock::a_clock_that_is_set_back_keeps_no_verdict_alive,
    ),
    (
        "_verdict.py",
        "< self.max_age",
        "< self.max_age + 1",
        revocations::no_revoked_key_is_let_through_after_delete_has_answered,
    ),
    (
        "_verdict.py",
        "< self.max_age",
        "< self.max_age + 1000",
        revocations::whoever_is_cut_off_refuses_once_the_kept_age_is_over,
    ),
    (
        "_verdict.py",
        "min(age / 1000, limit)",
        "age / 1000",
        memory::a_verdict_is_kept_no_longer_than_was_asked_for,
    ),
    (
        "_question.py",
        "read_verdict(status, answer, self.asked,",
        "read_verdict(status, answer, Moment.now(),",
        memory::the_age_counts_from_when_it_was_asked,
    ),
    (
        "_verdict.py",
        "> self._capacity",
        "> 2 * self._capacity",
        memory::no_more_verdicts_are_kept_than_there_is_room_for,
    ),
    (
        "_verdict.py",
        "self._verdicts.move_to_end(id)\n        return",
        "return",
        memory::no_more_verdicts_are_kept_than_there_is_room_for,
    ),
    (
        "_question.py",
        "round(self._max_age * 1000)",
        "60_000",
        questions::a_question_says_the_age_that_is_used_and_carries_trace_and_token,
    ),
    (
        "_asyncio.py",
        "flight = self._flights.get(id)",
        "flight = None",
        questions::questions_for_one_key_are_joined,
    ),
    (
        "_verdict.py",
        "self.asked.measured >= arrived.measured or",
        "True or",
        questions::whoever_joins_relies_on_no_verdict_from_before,
    ),
    (
        "_asyncio.py",
        "self._client.stream(",
        "httpx.AsyncClient(trust_env=False).stream(",
        questions::connections_are_kept,
    ),
    (
        "_asyncio.py",
        "except RETRIED:",
        "except ZeroDivisionError:",
        questions::a_kept_connection_that_was_closed_refuses_nobody,
    ),
    (
        "_threads.py",
        "except RETRIED:",
        "except ZeroDivisionError:",
        questions::a_kept_connection_that_was_closed_refuses_nobody,
    ),
    (
        "_threads.py",
        "flight = self._flights.get(id)",
        "flight = None",
        questions::questions_for_one_key_are_joined,
    ),
    ("_threads.py", "self._kept.put(id, verdict)", "pass", memory::a_refusal_is_kept_as_well),
    ("_verdict.py", "if status != 200:", "if status == 503:", faults::what_is_no_verdict_lets_nobody_through),
    ("_verdict.py", "isinstance(scopes, list) and", "", faults::what_is_no_verdict_lets_nobody_through),
    (
        "_asyncio.py",
        "asyncio.timeout(self._timeout)",
        "asyncio.timeout(None)",
        faults::a_server_that_answers_a_byte_at_a_time_is_given_up,
    ),
    (
        "_rules.py",
        "if not caller.grants(scope):",
        "if False:",
        credentials::a_key_without_the_scope_is_forbidden_and_one_with_all_of_them_is_not,
    ),
    (
        "_rules.py",
        "caller.project_id != project()",
        "not caller.project_id",
        credentials::a_key_of_a_project_is_good_there_alone,
    ),
    ("_rules.py", "if len(found) > 1:", "if False:", credentials::headers_are_read_as_the_service_reads_them),
    (
        "_rules.py",
        "scheme.lower() == \"bearer\"",
        "scheme == \"Bearer\"",
        credentials::headers_are_read_as_the_service_reads_them,
    ),
];

thread_local! {
    /// Where the copy is that this thread's servers are to run with.
    static COPY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The same with the copy, where there is one.
pub(crate) fn command_line(line: String) -> String {
    COPY.with_borrow(|copy| match copy {
        Some(copy) => line.replace("PYTHONPATH=", &format!("PYTHONPATH={copy}:")),
        None => line,
    })
}

fn plant(folder: &Path, (file, text, instead, _): &(&str, &str, &str, Case)) {
    let package = folder.join("capykeys_verifier");
    let copied = Command::new("cp").arg("-r").args([Path::new(LIBRARY), &package]).status().expect("cp");
    assert!(copied.success());
    let source = fs::read_to_string(package.join(file)).expect(file);
    assert_eq!(source.matches(text).count(), 1, "{file}: {text:?} has to stand there once");
    fs::write(package.join(file), source.replace(text, instead)).expect("the mistake is planted");
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
#[ignore = "needs the guarded servers: make verifiers"]
fn every_planted_mistake_is_noticed() {
    for mistake in MISTAKES {
        let folder = tempfile::tempdir().expect("a folder");
        plant(folder.path(), mistake);
        COPY.set(Some(folder.path().display().to_string()));
        // What asks from threads is what Django needs.
        let driver = if mistake.0 == "_threads.py" { "django" } else { "fastapi" };
        let outcome = catch_unwind(AssertUnwindSafe(|| (mistake.3)(driver)));
        COPY.set(None);
        let (file, _, instead, _) = mistake;
        let said = words(&*outcome.err().unwrap_or_else(|| panic!("{file}: nothing notices {instead:?}")));
        assert!(!said.contains("does not listen"), "{file}: {instead:?} does not run");
        println!("noticed: {file}: {instead}");
    }
}
