//! What `docs/gateways.md` shows of the gateways' configurations stands in them.

use std::{fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The lines of everything in `deploy/gateways`, without white space around them.
fn configured() -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![Path::new(ROOT).join("deploy/gateways")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(path).expect("a configuration");
                lines.extend(text.lines().map(|line| line.trim().to_owned()));
            }
        }
    }
    lines
}

#[test]
fn examples_stand_in_the_configurations() {
    let document = fs::read_to_string(format!("{ROOT}/docs/gateways.md")).expect("the document");
    let configured = configured();
    let mut examples = 0;
    // Every second piece is a block; those that are configurations name their language.
    for block in document.split("```").skip(1).step_by(2).filter(|block| !block.starts_with('\n')) {
        examples += 1;
        for line in block.lines().skip(1).map(str::trim) {
            assert!(configured.iter().any(|other| other == line), "in no configuration: {line}");
        }
    }
    assert!(examples >= 6, "{examples} examples");
}
