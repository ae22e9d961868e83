//! `capykeys keys report`: keys that can be used and should perhaps not be there.

use std::{fmt::Write as _, pin::pin};

use capykeys_domain::{
    model::{ApiKey, KeyFilter, KeyState, Organization, Timestamp},
    policy::Permit,
    ports::Limit,
};
use capykeys_http::ApiKeyView;
use futures_util::TryStreamExt;
use serde::Serialize;

use super::organization;
use crate::{
    app::App,
    cli::{ReportFormat, ReportKeys},
    error::Error,
    output,
};

const ORGANIZATIONS: Limit = Limit::of::<500>();

/// A line of NDJSON.
#[derive(Serialize)]
struct ReportedKey<'a> {
    #[serde(flatten)]
    key: ApiKeyView<'a>,
    findings: &'a [&'static str],
}

/// Prints them page by page: no more than one page of them, and of organizations, is in memory.
pub(crate) async fn run(app: &App, command: ReportKeys) -> Result<(), Error> {
    if command.format == ReportFormat::Table {
        let names = ["ORGANIZATION", "KEY", "CREATED", "LAST USED", "EXPIRES", "FINDINGS"];
        output::text(&row(names.map(str::to_owned), "NAME"))?;
    }
    if let Some(id) = command.organization {
        return report(app, &command, &organization(app, id).await?).await;
    }
    let mut after = None;
    loop {
        let page = app.operators.list_organizations(after, ORGANIZATIONS).await?;
        for one in &page {
            report(app, &command, one).await?;
        }
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
    }
}

async fn report(app: &App, command: &ReportKeys, of: &Organization) -> Result<(), Error> {
    let now = app.environment.now();
    let unused_since = command.findings.unused_since(now);
    let filter = KeyFilter {
        state: Some((KeyState::Active, now)),
        // Where a key without an end is reported too, those that are used are read as well.
        unused_since: unused_since.filter(|_| !command.findings.never_expiring),
        ..KeyFilter::default()
    };
    let unused = unused_since
        .map(|unused_since| KeyFilter { unused_since: Some(unused_since), ..KeyFilter::default() });
    let pages = app.management.list_keys(&Permit::operator_lists_keys(of), filter, None).await?;
    let mut pages = pin!(pages);
    while let Some(page) = pages.try_next().await? {
        let mut text = String::new();
        for key in &page {
            let is_unused = unused.as_ref().is_some_and(|filter| filter.admits(key));
            let never_expires = command.findings.never_expiring && key.expires_at.is_none();
            let findings: Vec<_> = [(is_unused, "unused"), (never_expires, "never_expires")]
                .into_iter()
                .filter_map(|(is_so, finding)| is_so.then_some(finding))
                .collect();
            match command.format {
                _ if findings.is_empty() => {}
                ReportFormat::Table => text.push_str(&table_row(key, &findings)),
                ReportFormat::Ndjson => {
                    let line = ReportedKey { key: ApiKeyView::new(key, now), findings: &findings };
                    writeln!(text, "{}", serde_json::to_string(&line)?)?;
                }
            }
        }
        output::text(&text)?;
    }
    Ok(())
}

fn table_row(key: &ApiKey, findings: &[&str]) -> String {
    let date = |time: Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.10}", time.to_string()))
    };
    let columns = [
        key.organization_id.to_string(),
        key.id.to_string(),
        date(Some(key.created_at)),
        date(key.last_used_at),
        date(key.expires_at),
        findings.join(","),
    ];
    row(columns, &shown(key.name.as_str()))
}

/// Terminals act on some characters: what follows them is read backwards, or on another line.
fn shown(name: &str) -> String {
    name.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

/// The name is last: it may have any width.
fn row([organization, key, created, used, expires, findings]: [String; 6], name: &str) -> String {
    format!(
        "{organization:<30}  {key:<30}  {created:<10}  {used:<10}  {expires:<10}  {findings:<20}  {name}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_name_is_shown_without_what_a_terminal_would_act_on() {
        assert_eq!(shown("Bob's \"é\""), "Bob's \"é\"");
        for (name, text) in
            [("a\u{202e}b", "a\\u{202e}b"), ("a\u{2028}b", "a\\u{2028}b"), ("a\\u{202e}", "a\\\\u{202e}")]
        {
            assert_eq!(shown(name), text);
        }
    }
}
