//! Reads which kinds of store are tested, and writes down what the harness has to know of them: their
//! descriptions, and macros that turn functions into tests on them.
//!
//! That a test is ignored, and why, has to be known when it is compiled.
#![expect(clippy::expect_used, clippy::panic, reason = "a test's harness fails the test by panicking")]

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs, iter,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Table, Value};

/// Names of files in `stores/`, or paths from the checkout's root, with commas between them.
const VARIABLE: &str = "CAPYKEYS_TEST_STORES";
const DEFAULT: &str = "sqlite,postgres";

/// The file of a kind. In texts, a name in braces stands for what each store has for itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    #[serde(skip)]
    name: String,
    /// Where the file lies.
    #[serde(skip)]
    folder: String,
    /// The part of the service's configuration that chooses it.
    settings: Table,
    /// What makes a server of it look for its store where none is.
    #[serde(default)]
    unreachable: Table,
    /// The folder in which it makes a pepper and itself where nothing is configured, if it does.
    embedded: Option<String>,
    /// Where the tables of this repository's migrations are, if it has these.
    tables: Option<Tables>,
    /// Whether `capykeys migrate` makes its schema before a server starts.
    #[serde(default = "yes")]
    migrate: bool,
    /// A command line that makes an empty store, run beside the file: what it prints is `{fresh}`.
    fresh: Option<String>,
    /// The service that is tested, from the file on. `{target}` is where cargo puts programs.
    #[serde(default = "capykeys")]
    program: String,
    /// Why tests are ignored that need one of the [`CAPABILITIES`].
    #[serde(default)]
    cannot: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tables {
    Sqlite(String),
    Postgresql(String),
}

impl Tables {
    fn code(&self) -> String {
        match self {
            Self::Sqlite(place) => format!("Some(Tables::Sqlite({place:?}))"),
            Self::Postgresql(place) => format!("Some(Tables::Postgresql({place:?}))"),
        }
    }
}

const fn yes() -> bool {
    true
}

fn capykeys() -> String {
    format!("{{target}}/capykeys{}", env::consts::EXE_SUFFIX)
}

/// What tests may need: its name, who has it unless they say that they cannot, and what is said where they
/// do not say why not.
const CAPABILITIES: [Capability; 7] = [
    ("replicas", |_| true, ""),
    ("one_server", |kind| kind.cannot.contains_key("replicas"), "several servers may work on it"),
    ("embedded", |kind| kind.embedded.is_some(), "its file does not say where it is `embedded`"),
    ("unreachable", |kind| !kind.unreachable.is_empty(), "its file has no `[unreachable]`"),
    ("tables", |kind| kind.tables.is_some(), "its file has no `[tables]`"),
    ("sqlite", |kind| matches!(kind.tables, Some(Tables::Sqlite(_))), "its tables are not in SQLite"),
    (
        "postgresql",
        |kind| matches!(kind.tables, Some(Tables::Postgresql(_))),
        "its tables are not in PostgreSQL",
    ),
];

type Capability = (&'static str, fn(&Kind) -> bool, &'static str);

fn main() {
    let listed = variable(VARIABLE).filter(|list| !list.is_empty()).unwrap_or_else(|| DEFAULT.to_owned());
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let kinds: Vec<Kind> = listed.split(',').map(|one| read(one.trim())).collect();
    let out = PathBuf::from(variable("OUT_DIR").expect("cargo says where to write"));
    fs::write(out.join("kinds.rs"), descriptions(&kinds)).expect("the descriptions are written");
    fs::write(out.join("macros.rs"), macros(&kinds)).expect("the macros are written");
}

#[expect(clippy::disallowed_methods, reason = "tests are not configured by the service")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn read(listed: &str) -> Kind {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_name = !listed.contains(['/', '.']);
    // An absolute path stays what it is.
    let file =
        if is_name { tests.join(format!("stores/{listed}.toml")) } else { tests.join("..").join(listed) };
    let place = file.display().to_string();
    println!("cargo::rerun-if-changed={place}");
    let wrong = |what: &str| -> ! { panic!("{VARIABLE}: {place}: {what}") };
    let text = fs::read_to_string(&file).unwrap_or_else(|error| wrong(&error.to_string()));
    let kind: Kind = toml::from_str(&text).unwrap_or_else(|error| wrong(&error.to_string()));
    let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_') {
        wrong("a name is made of letters, digits and underscores");
    }
    let is_known = |name: &&String| CAPABILITIES.iter().any(|(known, ..)| known == name);
    if let Some(unknown) = kind.cannot.keys().find(|name| !is_known(name)) {
        wrong(&format!("there is no capability `{unknown}`"));
    }
    let folder = file.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    Kind { name, folder, ..kind }
}

/// The constant `KINDS`.
fn descriptions(kinds: &[Kind]) -> String {
    let mut code = "const KINDS: &[Kind] = &[\n".to_owned();
    for kind in kinds {
        let Kind { name, folder, embedded, tables, migrate, fresh, program, .. } = kind;
        let (settings, unreachable) = (flat(&kind.settings), flat(&kind.unreachable));
        writeln!(
            code,
            "Kind {{ name: {name:?}, settings: &{settings:?}, unreachable: &{unreachable:?}, \
             embedded: {embedded:?}, tables: {tables}, migrate: {migrate}, fresh: {fresh:?}, folder: {folder:?}, program: {program:?} }},",
            tables = tables.as_ref().map_or_else(|| "None".to_owned(), Tables::code),
        )
        .expect("a string takes everything");
    }
    code + "];\n"
}

/// The names of the environment's variables, without `CAPYKEYS__`, and their values.
fn flat(table: &Table) -> Vec<(String, String)> {
    table
        .iter()
        .flat_map(|(name, value)| match value {
            Value::Table(table) => {
                flat(table).into_iter().map(|(rest, value)| (format!("{name}__{rest}"), value)).collect()
            }
            Value::String(text) => vec![(name.clone(), text.clone())],
            Value::Array(_) => panic!("{name} is a list: write it as a text with commas"),
            value => vec![(name.clone(), value.to_string())],
        })
        .map(|(name, value)| (name.to_uppercase(), value))
        .collect()
}

/// Why a kind is of no use to tests that need something; nothing where it is.
fn lack(kind: &Kind, (name, has, default): Capability) -> Option<&str> {
    let told = kind.cannot.get(name).map(String::as_str);
    told.or_else(|| (!has(kind)).then_some(default))
}

/// `on_every_store!` and `on_one_store!`, with a rule for each capability that either makes a test or one that
/// is ignored.
fn macros(kinds: &[Kind]) -> String {
    let modules = kinds.iter().enumerate().map(|(index, Kind { name, .. })| {
        format!(
            "mod on_{name} {{
                $($(#[test] fn $any() {{ super::$any($crate::Store::numbered({index})); }})+)?
                $($($crate::on_store_{index}!($need $name);)+)*
            }}"
        )
    });
    let every = [
        rule("$need:ident: $($rest:tt)+", "$crate::on_every_store! { ; $need: $($rest)+ }"),
        rule(
            "$($($any:ident),+ $(,)?)? $(; $need:ident: $($name:ident),+ $(,)?)*",
            &modules.collect::<String>(),
        ),
    ];
    let one = rule(
        "$($need:ident: $($name:ident),+ $(,)?);+",
        "mod on_one_store { $($($crate::on_a_store!($need $name);)+)+ }",
    );
    let on_a_store = CAPABILITIES.map(|capability| {
        let lacks: Option<Vec<_>> = kinds.iter().map(|kind| Some((kind, lack(kind, capability)?))).collect();
        let lacks = lacks.map(|lacks| {
            let each = lacks.iter().map(|(kind, lack)| format!("{}: {lack}", kind.name));
            each.collect::<Vec<_>>().join("; ")
        });
        test(capability, lacks.as_deref(), "")
    });
    let on_each_store = kinds.iter().enumerate().map(|(index, kind)| {
        let store = format!("$crate::Store::numbered({index})");
        let rules = CAPABILITIES.map(|capability| test(capability, lack(kind, capability), &store));
        definition(&format!("on_store_{index}"), "Makes one test.", &rules.concat())
    });
    iter::once(definition(
        "on_every_store",
        "Makes tests of each kind of store: see the crate.",
        &every.concat(),
    ))
    .chain([definition("on_one_store", "Makes tests of no kind of store: see the crate.", &one)])
    .chain([definition("on_a_store", "Makes one test.", &on_a_store.concat())])
    .chain(on_each_store)
    .collect()
}

fn definition(name: &str, about: &str, rules: &str) -> String {
    format!("#[doc = {about:?}]\n#[macro_export]\nmacro_rules! {name} {{\n{rules}}}\n")
}

fn rule(pattern: &str, code: &str) -> String {
    format!("({pattern}) => {{ {code} }};\n")
}

fn test((name, ..): Capability, lack: Option<&str>, store: &str) -> String {
    let ignore = lack.map_or_else(String::new, |reason| format!("#[ignore = {reason:?}]"));
    rule(&format!("{name} $name:ident"), &format!("#[test] {ignore} fn $name() {{ super::$name({store}); }}"))
}
