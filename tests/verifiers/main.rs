//! The libraries in `clients/` that guard a service, all by the same cases: a small guarded server of each
//! (`clients/*/driver`), in front of a stand-in for the service that misbehaves, and in front of two real
//! replicas on one PostgreSQL.
//!
//! `scripts/verifiers` builds the servers and prints how each is started; `make verifiers` runs this, without the cases
//! of languages that are not installed.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it has measured"
)]

mod clock;
mod credentials;
mod examples;
mod faults;
mod guarded;
mod memory;
mod planted;
mod questions;
mod replicas;
mod revocations;
mod stand_in;

macro_rules! tests_of {
    ($driver:ident; $($module:ident: $($case:ident),+;)+) => {
        mod $driver {
            $(mod $module { $(
                #[test]
                #[ignore = "needs the guarded servers: make verifiers"]
                fn $case() {
                    crate::$module::$case(stringify!($driver));
                }
            )+ })+
        }
    };
}

/// Every case but that of the clock for each of the servers.
macro_rules! cases {
    ($($driver:ident),+) => { $(tests_of! {
        $driver;
        credentials:
            a_good_key_is_let_through_and_the_handler_knows_whose_it_is,
            keys_that_are_not_good_are_refused_alike,
            a_key_without_the_scope_is_forbidden_and_one_with_all_of_them_is_not,
            a_key_of_a_project_is_good_there_alone,
            headers_are_read_as_the_service_reads_them,
            a_suspended_organization_is_forbidden;
        questions:
            a_question_says_the_age_that_is_used_and_carries_trace_and_token,
            connections_are_kept,
            a_kept_connection_that_was_closed_refuses_nobody,
            questions_for_one_key_are_joined,
            whoever_joins_relies_on_no_verdict_from_before,
            where_nothing_may_be_kept_nothing_is,
            a_trace_that_is_not_ascii_refuses_nobody,
            no_more_is_asked_at_once_than_there_is_room_for;
        memory:
            a_verdict_is_kept_as_long_as_it_says_and_no_longer,
            the_age_counts_from_when_it_was_asked,
            a_verdict_is_kept_no_longer_than_was_asked_for,
            no_more_verdicts_are_kept_than_there_is_room_for,
            a_refusal_is_kept_as_well;
        faults:
            what_is_no_verdict_lets_nobody_through,
            a_project_that_is_no_name_is_no_verdict,
            a_server_that_does_not_answer_is_given_up,
            a_server_that_answers_a_byte_at_a_time_is_given_up;
        revocations:
            a_server_that_is_down_lets_nobody_through,
            whoever_is_cut_off_refuses_once_the_kept_age_is_over,
            no_revoked_key_is_let_through_after_delete_has_answered;
    })+ };
}

cases![net_http, express, fastify, hono, fastapi, django, axum, tonic, actix];

/// Not for Go, whose programs ask the kernel for the time: `clients/go` has a test of its own.
mod clocks {
    macro_rules! cases {
        ($($driver:ident),+) => { $(tests_of! {
            $driver;
            clock:
                a_clock_that_is_set_back_keeps_no_verdict_alive;
        })+ };
    }

    cases![express, fastify, hono, fastapi, django, axum, tonic, actix];
}
