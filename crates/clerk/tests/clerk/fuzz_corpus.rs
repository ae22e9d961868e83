//! The inputs that the fuzzers begin with, and what they have found, once more.

use std::{fs, path::Path};

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library for the fuzzers")]
mod targets;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 10, "the corpus was not found");
    for input in inputs {
        run(&fs::read(input).unwrap());
    }
}

#[test]
fn no_token_of_the_corpus_is_accepted_or_panics() {
    replay("session_token", targets::session_token);
}

#[test]
fn no_key_set_of_the_corpus_makes_a_forged_token_pass_or_panics() {
    replay("key_set", targets::key_set);
}
