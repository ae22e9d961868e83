//! The READMEs of the libraries in `clients/`.

use std::fs;

use crate::sources::root;

const EXAMPLES: [(&str, &str); 4] = [
    ("go", "example/main.go"),
    ("typescript", "example/main.ts"),
    ("python", "example/main.py"),
    ("rust", "examples/main.rs"),
];

/// `tests/verifiers` runs the program, so that what people copy is known to work.
#[test]
fn the_example_of_each_readme_is_the_program_that_is_run() {
    for (library, program) in EXAMPLES {
        let folder = root().join("clients").join(library);
        let read = |name| fs::read_to_string(folder.join(name)).expect(name);
        let (readme, program) = (read("README.md"), read(program));
        let block = readme.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("a block");
        assert_eq!(block.1, program, "clients/{library}");
        assert!(readme.lines().count() <= 60, "clients/{library}/README.md is too long");
    }
}
