//! Requests that mean what they should not to some: the table of `docs/gateways.md`, row by row.

use std::fs;

use super::paths::assert_allowed;
use crate::{
    request::{HOST, Request},
    stand::Stand,
    world::WORLD,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gateways.md");

/// What the callers of these cases may see.
const ALLOWED: [&str; 2] = ["/public/", "/v1/projects/p_1/jobs/"];

/// A row: what is sent, and what becomes of it at each gateway.
struct Row {
    sent: String,
    outcomes: Vec<(String, String)>,
}

fn cells(line: &str) -> impl Iterator<Item = String> {
    line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').replace("\\|", "|"))
}

/// The table whose first column is called `sent`.
fn table() -> Vec<Row> {
    let document = fs::read_to_string(DOCUMENT).expect("the document");
    let mut lines = document.lines().skip_while(|line| !line.starts_with("| sent |"));
    let names: Vec<_> = cells(lines.next().expect("the table")).skip(1).collect();
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let row = |line| {
        let mut cells = cells(line);
        let sent = cells.next().expect("what is sent");
        Row { sent, outcomes: names.iter().cloned().zip(cells).collect() }
    };
    rows.map(row).collect()
}

/// `METHOD target`, and the host where it is another.
fn request(sent: &str) -> Request {
    const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "get"];
    let mut parts = sent.split(' ');
    let (method, target) = (parts.next().expect("a method"), parts.next().expect("a target"));
    let method = METHODS.into_iter().find(|known| *known == method).expect("a method of these");
    let host = parts.next().unwrap_or(HOST);
    let request = Request::get(target).method(method).host(host).bearer(&WORLD.jobs.plaintext);
    if method == "POST" { request.header("Content-Length", "0") } else { request }
}

/// The status, or the target that arrives.
fn outcome(stand: &Stand, row: &Row) -> String {
    let head_alone = row.sent.starts_with("HEAD ");
    let mut connection = stand.connect();
    connection.send(&request(&row.sent).bytes());
    let answer = if head_alone { connection.head() } else { connection.answer() };
    let arrived = stand.arrived();
    assert_allowed(&arrived, &ALLOWED);
    match (answer, arrived.first()) {
        (Some(answer), None) => answer.status().to_string(),
        (Some(_), Some(arrived)) => arrived.target().to_owned(),
        (None, _) => "no answer".to_owned(),
    }
}

pub(crate) fn strange_spellings_do_what_the_table_says(stand: &Stand) {
    let name = stand.gateway.name;
    let mut others = Vec::new();
    let table = table();
    assert!(table.len() > 20, "{} rows", table.len());
    for row in &table {
        // Both ways of asking have a column.
        let (_, expected) = row.outcomes.iter().find(|(column, _)| column == name).expect("a column for it");
        let found = outcome(stand, row);
        if found != *expected {
            others.push(format!("{}: {found}, and not {expected}", row.sent));
        }
    }
    assert!(others.is_empty(), "{name}: {others:#?}");
}
