//! Every link of a document to another one, or to one of its headings, leads somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::sources::{files_below, root};

#[derive(Default)]
struct Document {
    links: Vec<String>,
    /// What can stand behind `#`, as the headings are called on GitHub.
    anchors: BTreeSet<String>,
}

impl Document {
    fn read(path: &Path) -> Self {
        let mut document = Self::default();
        let mut heading = None;
        for event in Parser::new_ext(&fs::read_to_string(path).expect("a document"), Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) if heading.is_some() => {
                    heading.get_or_insert_default().push_str(&text);
                }
                Event::End(TagEnd::Heading(_)) => document.add(&heading.take().unwrap_or_default()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(dest_url.into_string());
                }
                _ => {}
            }
        }
        document
    }

    fn add(&mut self, heading: &str) {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let name = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let again = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }
}

/// All documents, but for those of other people's programs.
fn documents() -> BTreeMap<PathBuf, Document> {
    let mut files = files_below(&root().join("docs"), &is_document);
    for entry in fs::read_dir(root()).expect("the project") {
        let path = entry.expect("an entry").path();
        match path.file_name().and_then(|name| name.to_str()).unwrap_or_default() {
            // Not below it: what is installed there has documents of its own.
            "clients" => files.push(path.join("README.md")),
            "crates" | "deploy" | ".github" => files.extend(files_below(&path, &is_document)),
            _ if is_document(&path) => files.push(path),
            _ => {}
        }
    }
    assert!(files.len() > 50, "the documents were not found");
    files.into_iter().map(|path| (path.canonicalize().expect("a path"), Document::read(&path))).collect()
}

fn is_document(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let mut broken = Vec::new();
    for (path, document) in &documents {
        for link in document.links.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            let leads = target.canonicalize().is_ok_and(|target| {
                anchor.is_empty()
                    || documents.get(&target).is_some_and(|document| document.anchors.contains(anchor))
            });
            if !leads {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Comments, messages and configurations name documents without a link.
#[test]
fn every_document_that_is_named_exists() {
    let mut missing = Vec::new();
    for folder in ["crates", "deploy", "docs", "scripts", "tests"] {
        for path in files_below(&root().join(folder), &|_| true) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for name in text.split(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c)) {
                let is_document = name.starts_with("docs/") && is_document(Path::new(name));
                if is_document && !root().join(name).exists() {
                    missing.push(format!("{}: {name}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn headings_are_called_as_on_github() {
    let mut document = Document::default();
    for heading in ["Envoy's gRPC", "When `a_key` – or B – was used", "Envoy's gRPC"] {
        document.add(heading);
    }
    let expected = ["envoys-grpc", "when-a_key--or-b--was-used", "envoys-grpc-1"];
    assert_eq!(document.anchors, expected.map(str::to_owned).into());
}
