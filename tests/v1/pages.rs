//! The pages for people: served unless they are switched off, and never part of the API's document.

use std::sync::Arc;

use capykeys_tests::{Installation, Server, Store};

const PAGES: [&str; 2] = ["/docs", "/console"];

#[test]
fn pages_are_served_to_everybody_and_are_no_part_of_the_document() {
    let server = Server::start(&Arc::new(Installation::new(Store::first())));
    for page in PAGES {
        let answer = server.get(page).send();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let script = format!("{page}/{}.js", &page[1..]);
        assert_eq!(server.get(&script).send().status, 200, "{script}");
        server.call_internal(reqwest::Method::GET, page).send().error(404);
    }
    let document = server.get("/v1/openapi.json").send().expect(200);
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert!(paths.iter().all(|path| !PAGES.iter().any(|page| path.starts_with(page))), "{paths:?}");
}

#[test]
fn a_page_that_is_switched_off_is_nowhere_and_the_other_stays() {
    for (off, on) in [("docs", "console"), ("console", "docs")] {
        let setting = format!("PAGES__{}", off.to_uppercase());
        let server = Server::start(&Arc::new(Installation::new(Store::first()).set(&setting, "false")));
        server.get(&format!("/{off}")).send().error(404);
        server.get(&format!("/{off}/pages.css")).send().error(404);
        assert_eq!(server.get(&format!("/{on}")).send().status, 200);
        assert_eq!(server.get("/v1/openapi.json").send().status, 200);
    }
}
