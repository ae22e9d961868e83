//! A line for each round, and a table of all of them.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use capykeys_tests::settings::number;
use serde_json::Value;

use crate::fault::Fault;

/// Where the lines go (`CAPYKEYS_TEST_HA_REPORT`); what is there already is part of the table.
pub(crate) fn file() -> PathBuf {
    number("CAPYKEYS_TEST_HA_REPORT", Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak-ha.jsonl"))
}

pub(crate) fn add(line: &Value) {
    let mut file = fs::File::options().create(true).append(true).open(file()).expect("the report");
    writeln!(file, "{line}").expect("report");
}

/// In Markdown.
pub(crate) fn table() -> String {
    let text = fs::read_to_string(file()).unwrap_or_default();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut table = String::from(
        "| fault | rounds | verdicts are back, bound s | p50 | worst | writes are back, bound s | p50 | worst | \
         after it is mended, bound s | worst | revocations | lost | asked after DELETE had answered | … and accepted | \
         good keys refused | 503 or no answer |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for fault in Fault::ALL {
        let rounds: Vec<_> = lines.iter().filter(|line| line["fault"] == fault.name()).collect();
        if !rounds.is_empty() {
            let _ = writeln!(table, "{}", row(fault, &rounds));
        }
    }
    table
}

fn row(fault: Fault, rounds: &[&Value]) -> String {
    let sum = |name: &str| rounds.iter().filter_map(|round| round[name].as_u64()).sum::<u64>();
    let bounds = fault.bounds();
    let at = |name: &str, percent: usize| {
        let mut times: Vec<_> = rounds.iter().filter_map(|round| round[name].as_u64()).collect();
        times.sort_unstable();
        let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
        seconds(times.get(rank).copied())
    };
    let columns = [
        fault.name().to_owned(),
        rounds.len().to_string(),
        bound(bounds.verdicts),
        at("verdicts_back_ms", 50),
        at("verdicts_back_ms", 100),
        bound(bounds.writes),
        at("writes_back_ms", 50),
        at("writes_back_ms", 100),
        bound(Some(bounds.mended)),
        at("mended_ms", 100),
        sum("revocations").to_string(),
        format!("**{}**", sum("lost")),
        sum("asked_after_delete").to_string(),
        format!("**{}**", sum("accepted_after_delete") + sum("kept_after_delete")),
        format!("**{}**", sum("refused_though_good")),
        (sum("unavailable") + sum("no_answer")).to_string(),
    ];
    format!("| {} |", columns.join(" | "))
}

fn bound(time: Option<Duration>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| time.as_secs().to_string())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few minutes")]
fn seconds(milliseconds: Option<u64>) -> String {
    milliseconds.map_or_else(|| "–".to_owned(), |time| format!("{:.1}", time as f64 / 1_000.0))
}
