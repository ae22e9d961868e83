//! What can be set, from the types: the JSON Schema, the example, the table of the documentation.

use std::fmt::Write;

use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Config, StoreKind, name::below};

/// A name of one's own, in the names of settings.
const OWN_NAME: &str = "<name>";
/// The default of a setting, in words, where it depends on the machine.
const DEFAULT_IN_WORDS: &str = "x-default";

/// What a file may have in it, as a JSON Schema (2020-12).
fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "capykeys.toml".into());
    plain(&mut schema);
    schema.to_value()
}

/// The same with the sections of stores that the program brings with it, of which their names are known.
pub(crate) fn schema_with(kinds: &[StoreKind]) -> Value {
    let mut schema = schema();
    for kind in kinds {
        schema["properties"][kind.name()] = json!({ "type": "object" });
    }
    schema
}

/// TOML has no null, and what depends on this machine is in no document.
fn plain(schema: &mut Schema) {
    schemars::transform::transform_subschemas(&mut plain, schema);
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &mut types[..] {
            let only = only.take();
            object.insert("type".to_owned(), only);
        }
    }
    let is_null = |schema: &Value| schema.get("type").is_some_and(|name| name == "null");
    if let Some(Value::Array(choice)) = object.get_mut("anyOf") {
        choice.retain(|schema| !is_null(schema));
        if let [Value::Object(only)] = &mut choice[..] {
            let only = std::mem::take(only);
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    if object.contains_key(DEFAULT_IN_WORDS) {
        object.remove("default");
    }
    let settings = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let in_words = settings.filter(|(_, schema)| schema.get(DEFAULT_IN_WORDS).is_some());
    let in_words: Vec<_> = in_words.map(|(name, _)| name.clone()).collect();
    if let Some(Value::Object(default)) = object.get_mut("default") {
        default.retain(|name, _| !in_words.contains(name));
    }
}

/// The names of the sections.
pub(super) fn sections() -> Vec<String> {
    let schema = schema();
    let sections = schema["properties"].as_object().into_iter().flat_map(Map::keys);
    sections.cloned().collect()
}

/// A section or a setting in it.
struct Part<'a> {
    /// Such as `server.listen` or `oidc.<name>.issuer`.
    name: String,
    schema: &'a Value,
    /// Where there is one: the schema's own, or what the default of its section has for it.
    default: Option<&'a Value>,
    meaning: &'a str,
}

impl<'a> Part<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.schema.get(key)?.as_str()
    }

    /// What is in it, where it is a section: first its settings, then the sections.
    fn parts(&self) -> Vec<Part<'a>> {
        let part = |key: &str, schema: &'a Value| {
            let name = below(&self.name, key);
            let default = schema.get("default").or_else(|| self.default?.get(key));
            let part = Part { name, schema, default, meaning: "" };
            // What is said of the section is said of each of its names.
            let meaning = if key == OWN_NAME && !part.is_section() {
                Some(self.meaning)
            } else {
                part.text("description")
            };
            Part { meaning: meaning.unwrap_or_default(), ..part }
        };
        let named = self.schema.get("properties").and_then(Value::as_object);
        let own = self.schema.get("additionalProperties").filter(|schema| schema.is_object());
        let named = named.into_iter().flatten().map(|(key, schema)| part(key, schema));
        let mut parts: Vec<_> = named.chain(own.map(|schema| part(OWN_NAME, schema))).collect();
        parts.sort_by_key(Part::is_section);
        parts
    }

    fn is_section(&self) -> bool {
        let holds = |key: &str| self.schema.get(key).is_some_and(Value::is_object);
        holds("properties") || holds("additionalProperties")
    }

    /// Calls `visit` for it and everything in it.
    fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for part in self.parts() {
            part.walk(visit);
        }
    }

    /// The default, or else an example.
    fn example(&self) -> Option<&'a Value> {
        let is_empty = |value: &Value| {
            *value == ""
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty)
        };
        let example = || self.schema.get("examples").and_then(|examples| examples.get(0));
        self.default.filter(|value| !is_empty(value)).or_else(example)
    }

    fn meaning(&self) -> String {
        let mut words: Vec<_> = self.meaning.split_whitespace().map(str::to_owned).collect();
        let choice = self.schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<_> =
            choice.filter_map(|one| Some(format!("`{}`", one.get("const")?.as_str()?))).collect();
        if !names.is_empty() {
            words.push(format!("One of {}.", names.join(", ")));
        }
        words.join(" ")
    }
}

/// Calls `visit` for every section and setting that there is.
fn walk(mut visit: impl FnMut(&Part<'_>)) {
    let schema = schema();
    let all = Part { name: String::new(), schema: &schema, default: None, meaning: "" };
    for section in all.parts() {
        section.walk(&mut visit);
    }
}

/// A file with every setting in it, each with its default or, where it has none, with an example. All of it is behind
/// `#`, besides the sections that may be there without anything in them.
pub(crate) fn example() -> String {
    let mut text = "# Everything that can be set, with what it is unless it is set, or with an example where it is nothing \
                    then.\n# To set one, take the `#` before it away, and that before its section's name.\n"
        .to_owned();
    walk(|part| {
        let last = part.name.rsplit('.').next().unwrap_or_default();
        if last == OWN_NAME && !part.is_section() {
            return;
        }
        let meaning = wrapped(&part.meaning());
        // Writing to a string does not fail.
        let _ = if part.is_section() {
            // A section that has no default is one that is not there.
            let is_own = part.schema.get("additionalProperties").is_some_and(Value::is_object);
            let off = if part.default.is_none() || is_own || part.name.contains(OWN_NAME) { "#" } else { "" };
            let own = if is_own { own_names(part) } else { String::new() };
            write!(text, "\n{meaning}{off}[{}]\n{own}", part.name.replace(OWN_NAME, "example"))
        } else {
            let value = part.example().map(toml_value).unwrap_or_default();
            writeln!(text, "{meaning}#{last} = {value}")
        };
    });
    text
}

/// The default of a section with names of one's own.
fn own_names(part: &Part<'_>) -> String {
    let named = part.example().and_then(Value::as_object).into_iter().flatten();
    let mut text = String::new();
    for (name, value) in named {
        let _ = writeln!(text, "#{} = {}", toml_value(&name.as_str().into()), toml_value(value));
    }
    text
}

fn toml_value(value: &Value) -> String {
    toml::Value::try_from(value).map(|value| value.to_string()).unwrap_or_default()
}

/// A text as a comment, in lines that are not too long.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = lines.rsplit('\n').next().map_or(0, str::len);
        if length == 0 || length + word.len() >= 110 {
            lines += if lines.is_empty() { "#" } else { "\n#" };
        }
        lines = lines + " " + word;
    }
    if lines.is_empty() { lines } else { lines + "\n" }
}

#[cfg(test)]
pub(crate) mod tests;
