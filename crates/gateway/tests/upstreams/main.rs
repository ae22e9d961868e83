//! What rules judge is what servers behind a gateway route on: WHATWG's URLs (the `url` crate), Python
//! and Go. What is let through comes under the rule that it comes under in all their readings.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it leaves out"
)]

use std::{
    borrow::Cow,
    io::Write,
    process::{Command, Stdio},
    thread,
};

use capykeys_domain::model::ScopeSet;
use capykeys_gateway::{HostPattern, OriginalRequest, PathPattern, RouteRule, RouteRules};
use percent_encoding::percent_decode_str;
use proptest::{
    collection::vec, option, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner,
};
use url::Url;

/// How many requests the other programs read.
const CASES: usize = 5_000;

#[derive(Clone, Debug)]
struct Rule {
    host: Option<&'static str>,
    methods: Vec<&'static str>,
    path: String,
}

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    host: &'static str,
    target: String,
}

/// A request as a server understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    method: String,
    host: String,
    segments: Vec<String>,
}

fn rule() -> impl Strategy<Value = Rule> {
    let segment = select(vec!["a", "b", "Admin", "b:c", "%7Ex", "\u{e9}", "*", "{project}"]);
    let hosts = select(vec!["a.example", "*.example", "[::1]", "127.0.0.1"]);
    let methods = select(vec![vec![], vec![], vec!["GET"], vec!["POST", "HEAD"], vec!["OPTIONS"]]);
    (option::weighted(0.3, hosts), methods, vec(segment, 0..4), any::<bool>()).prop_map(
        |(host, methods, mut segments, open)| {
            let mut seen = false;
            segments.retain(|segment| *segment != "{project}" || !std::mem::replace(&mut seen, true));
            let path = segments.iter().fold(String::new(), |path, segment| path + "/" + segment);
            let end = if open {
                "/**"
            } else if path.is_empty() {
                "/"
            } else {
                ""
            };
            // Beyond ASCII, a pattern is written with escapes as well.
            Rule { host, methods, path: path.replace('\u{e9}', "%C3%A9") + end }
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let method = select(vec!["GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "get", "Post"]);
    let host = select(vec![
        "a.example",
        "a.example",
        "b.example:80",
        "A.Example.",
        "a.example..",
        "a.example:80:80",
        "a.example:",
        "x@a.example",
        "a.example@b.example",
        "%61.example",
        "[::1]",
        "[0:0::1]:80",
        "127.1",
        "127.0.0.1",
        "0x7f.1",
    ]);
    let plain = select(vec!["a", "b", "Admin", "b:c", "p_1", "~x", "%C3%A9"]);
    let odd = select(vec![
        "A",
        "admin",
        "b%3Ac",
        "b%3ac",
        "%61",
        "%7Ex",
        "%7ex",
        "p_1%20",
        "p%5F1",
        "a%20",
        "a.json",
        "..",
        ".",
        "%2e%2e",
        ".%2E",
        "",
        ";x",
        "a;x=1",
        "a#",
        "#",
        "a?b",
        "?",
        "?#",
        "%2f",
        "a%2F..%2Fb",
        "\\",
        "%5C",
        "%zz",
        "%",
        "%25",
        "%2561",
        "%00",
        "%0d%0a",
        "\t",
        "%FF",
        "%C0%AF",
        "%3F",
        "%23",
        "%3b",
        "a+",
        "[",
        "|",
        "\u{e9}",
    ]);
    let segment = prop_oneof![3 => plain, 1 => odd];
    (method, host, vec(segment, 0..5), any::<bool>()).prop_map(|(method, host, segments, slash)| {
        let path = segments.iter().fold(String::new(), |path, segment| path + "/" + segment);
        Request { method, host, target: if slash || path.is_empty() { path + "/" } else { path } }
    })
}

/// What tells the rules apart.
fn scope(index: usize) -> ScopeSet {
    let all = ["jobs:read", "schema:read", "backups:read", "backups:write", "projects:read"];
    ScopeSet::from_stored([all[index]]).unwrap()
}

fn parsed(rules: &[Rule]) -> RouteRules {
    let rule = |(index, rule): (usize, &Rule)| {
        let mut parsed = RouteRule::new(PathPattern::parse(&rule.path).unwrap(), Some(scope(index)));
        if let Some(host) = rule.host {
            parsed = parsed.on(HostPattern::parse(host).unwrap());
        }
        if rule.methods.is_empty() {
            return parsed;
        }
        parsed.with_methods(rule.methods.iter().copied().map(str::to_owned).collect()).unwrap()
    };
    RouteRules::new(rules.iter().enumerate().map(rule).collect())
}

/// The rule under which the request is let through, and the project.
fn judged(rules: &[Rule], request: &Request) -> Option<(usize, Option<String>)> {
    let Request { method, host, target } = request;
    let needs = parsed(rules).needs(&OriginalRequest { method, host: Some(host), target }).ok()?.requirement;
    let index = (0..rules.len()).find(|index| needs.scopes == Some(scope(*index))).unwrap();
    Some((index, needs.project_id.map(|project| project.to_string())))
}

/// The first rule that a reading comes under: no more than what `docs/gateways.md` says of them.
fn routed(rules: &[Rule], reading: &Reading) -> Option<(usize, Option<String>)> {
    rules.iter().enumerate().find_map(|(index, rule)| {
        let host = rule.host.is_none_or(|host| match host.strip_prefix('*') {
            Some(parent) => reading.host.ends_with(parent),
            None => reading.host == host.trim_matches(['[', ']']),
        });
        let reads =
            |method: &&str| reading.method == *method || (reading.method == "HEAD" && *method == "GET");
        let method = rule.methods.is_empty() || rule.methods.iter().any(reads);
        let project = path_of(&rule.path, &reading.segments)?;
        (host && method).then(|| (index, project.into_iter().next()))
    })
}

/// The project that it names, or no name at all.
fn path_of(pattern: &str, segments: &[String]) -> Option<Vec<String>> {
    let open = pattern.ends_with("/**");
    let parts: Vec<_> = pattern.trim_end_matches("**").split('/').filter(|part| !part.is_empty()).collect();
    if segments.len() < parts.len() || (segments.len() > parts.len() && !open) {
        return None;
    }
    let mut projects = Vec::new();
    for (part, segment) in parts.iter().zip(segments) {
        match *part {
            "*" => {}
            "{project}" if is_id(segment) => projects.push(segment.clone()),
            literal if percent_decode_str(literal).decode_utf8().unwrap() == *segment => {}
            _ => return None,
        }
    }
    Some(projects)
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Without what says nothing: a slash at the end, and a final dot, brackets and capital letters of a host.
fn reading(method: &str, host: &str, mut segments: Vec<String>) -> Reading {
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host).replace("0:0::1", "::1");
    Reading { method: method.to_ascii_uppercase(), host, segments }
}

fn whatwg(request: &Request) -> Option<Reading> {
    let url = Url::parse(&format!("http://{}{}", request.host, request.target)).ok()?;
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8().ok().map(Cow::into_owned);
    Some(reading(request.method, url.host_str()?, url.path_segments()?.map(decoded).collect::<Option<_>>()?))
}

/// Fails where the request is let through under another rule than the one that a server would route it
/// by. One that the server refuses does no harm.
fn assert_same(rules: &[Rule], request: &Request, read: Option<Reading>) -> Result<(), TestCaseError> {
    if let (Some(judged), Some(reading)) = (judged(rules, request), read) {
        prop_assert_eq!(Some(judged), routed(rules, &reading), "{:?} {:?} {:?}", request, reading, rules);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_let_through_is_what_a_url_is_routed_by(rules in vec(rule(), 1..5), request in request()) {
        assert_same(&rules, &request, whatwg(&request))?;
    }

    #[test]
    fn what_is_spelled_as_everybody_spells_it_comes_under_the_first_rule(
        mut rules in vec(rule(), 1..5), segments in vec("[a-b]|p_1", 1..4),
    ) {
        for rule in &mut rules {
            rule.methods.clear();
        }
        let target = segments.iter().fold(String::new(), |path, segment| path + "/" + segment);
        let request = Request { method: "GET", host: "a.example", target };
        let reading = reading("GET", "a.example", segments);
        prop_assert_eq!(judged(&rules, &request), routed(&rules, &reading));
    }
}

/// What another program makes of the requests; `None` where it is not on this machine.
fn read_by(program: &str, arguments: &[&str], requests: &[Request]) -> Option<Vec<Option<Reading>>> {
    let mut command = Command::new(program);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upstreams")).args(arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        println!("skipped: there is no {program} here");
        return None;
    };
    let line = |request: &Request| {
        let fields = [request.method, request.host, &request.target].map(hex::encode);
        fields.join(" ") + "\n"
    };
    let (text, mut input) = (requests.iter().map(line).collect::<String>(), child.stdin.take().unwrap());
    let writer = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} has failed");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(read).collect())
}

fn read(line: &str) -> Option<Reading> {
    let mut fields = line.split(' ');
    let mut field = || fields.next().filter(|_| line != "-");
    let (method, host, segments) = (field()?, field()?, field()?);
    Some(reading(&text(method), &text(host), segments.split(',').map(text).collect()))
}

fn text(digits: &str) -> String {
    // What is no UTF-8 equals nothing that is let through.
    String::from_utf8_lossy(&hex::decode(digits).unwrap()).into_owned()
}

/// Fails where one of many requests would be routed by another rule than the one that has let it through.
fn assert_read_alike(program: &str, arguments: &[&str]) {
    let mut runner = TestRunner::deterministic();
    let mut cases = || (vec(rule(), 1..5), request()).new_tree(&mut runner).unwrap().current();
    let (rules, requests): (Vec<_>, Vec<_>) = (0..CASES).map(|_| cases()).unzip();
    let Some(readings) = read_by(program, arguments, &requests) else { return };
    assert_eq!(readings.len(), CASES);
    let through = rules.iter().zip(&requests).filter(|(rules, request)| judged(rules, request).is_some());
    assert!(through.count() > CASES / 50, "hardly anything is let through");
    for ((rules, request), read) in rules.iter().zip(&requests).zip(readings) {
        assert_same(rules, request, read).unwrap();
    }
}

#[test]
fn python_routes_by_what_was_judged() {
    assert_read_alike("python3", &["read.py"]);
}

#[test]
fn go_routes_by_what_was_judged() {
    assert_read_alike("go", &["run", "read.go"]);
}

/// A path as the documentation shows it.
fn shown(reading: Option<Reading>) -> String {
    reading.map_or("none".to_owned(), |reading| format!("`/{}`", reading.segments.join("/").escape_debug()))
}

/// What is judged of a path, as the documentation shows it.
fn shown_judged(target: &str) -> String {
    let rule = RouteRule::new(PathPattern::parse("/**").unwrap(), None);
    let needs = RouteRules::new(vec![rule]).needs(&OriginalRequest { method: "GET", host: None, target });
    if needs.is_ok() { "the same".to_owned() } else { "403".to_owned() }
}

#[test]
fn the_documentation_says_what_each_of_them_reads() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gateways.md");
    let document = std::fs::read_to_string(document).unwrap();
    let lines = document.lines().skip_while(|line| !line.starts_with("| target |")).skip(2);
    let lines: Vec<_> = lines.take_while(|line| line.starts_with('|')).collect();
    assert!(lines.len() > 15, "{} rows", lines.len());
    let target = |line: &&str| line.split('`').nth(1).unwrap().to_owned();
    let requests: Vec<_> = lines.iter().map(target).collect();
    let request = |target: &String| Request { method: "GET", host: "a.example", target: target.clone() };
    let requests: Vec<_> = requests.iter().map(request).collect();
    let python = read_by("python3", &["read.py"], &requests);
    let (Some(python), Some(go)) = (python, read_by("go", &["run", "read.go"], &requests)) else { return };
    let row = |((request, python), go): ((&Request, Option<Reading>), Option<Reading>)| {
        let read = [whatwg(request), python, go].map(shown).join(" | ");
        format!("| `{}` | {read} | {} |", request.target, shown_judged(&request.target))
    };
    let rows: Vec<_> = requests.iter().zip(python).zip(go).map(row).collect();
    assert_eq!(lines, rows, "{}", rows.join("\n"));
}
