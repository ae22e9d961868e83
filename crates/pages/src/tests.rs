use std::{fs, path::Path};

use super::*;

fn pages() -> [Page; 2] {
    [Page::docs(), Page::console()]
}

/// What stands between quotation marks behind `before`, wherever that is in the text.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn whatever_a_page_refers_to_is_one_of_its_files() {
    for page in pages() {
        let html = page.file("").unwrap().content;
        // From the page, which has no slash at its end, the files are one folder below.
        let folder = format!("{}/", &page.path[1..]);
        let referred = ["src=\"", "href=\""].into_iter().flat_map(|before| quoted(html, before));
        let referred: Vec<_> = referred.filter(|link| !link.starts_with('#')).collect();
        assert!(referred.len() > 3, "{}: {referred:?}", page.path);
        for link in referred {
            let name = link.strip_prefix(&folder);
            assert!(name.is_some_and(|name| page.file(name).is_some()), "{}: {link}", page.path);
        }
        for file in page.files.iter().filter(|file| file.media_type == SCRIPT) {
            for module in quoted(file.content, " from \"") {
                let name = module.strip_prefix("./");
                assert!(name.is_some_and(|name| page.file(name).is_some()), "{}: {module}", file.name);
            }
        }
    }
}

#[test]
fn every_file_belongs_to_a_page() {
    let assets = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets"));
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.is_file())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for page in pages() {
        let own = names(&assets.join(&page.path[1..]));
        for name in own.into_iter().chain(names(assets)) {
            let served = if name == "page.html" { "" } else { &name };
            assert!(page.file(served).is_some(), "{}: {name}", page.path);
        }
    }
}

/// The policy forbids all of it, and what it forbids does not work.
#[test]
fn no_page_has_what_the_policy_forbids() {
    for page in pages() {
        for file in &page.files {
            for forbidden in [
                "<style",
                " style=",
                " onclick=",
                " onsubmit=",
                "javascript:",
                "innerHTML",
                "insertAdjacentHTML",
                "eval(",
                "new Function",
                "http://",
                "https://",
                "@import",
                "url(",
                "localStorage",
                "sessionStorage",
                "document.cookie",
                "console.log",
            ] {
                let found = file.content.contains(forbidden);
                // The name of a format, which nobody asks for.
                let is_name = forbidden == "http://" && file.name == "icon.svg";
                assert!(!found || is_name, "{}/{}: {forbidden}", page.path, file.name);
            }
        }
    }
}

#[test]
fn a_file_of_another_content_has_another_tag() {
    let (one, other) = (File::new("a", HTML, "one"), File::new("a", HTML, "other"));
    assert_ne!(one.tag, other.tag);
    assert_eq!(one.tag, File::new("b", STYLE, "one").tag);
}

#[test]
fn a_page_is_no_larger_than_it_has_to_be() {
    for page in pages() {
        let bytes: usize = page.files.iter().map(|file| file.content.len()).sum();
        assert!(bytes < 64 * 1024, "{}: {bytes} bytes", page.path);
    }
}
