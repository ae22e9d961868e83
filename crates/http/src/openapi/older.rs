//! The document in OpenAPI 3.0, for generators that read no newer one.

use serde_json::{Map, Value};

/// What 3.1 says in another way than 3.0, and what 3.0 has no words for (OpenAPI Initiative, "Migrating from OpenAPI
/// 3.0 to 3.1.0"), as far as our document has it.
pub(super) fn rendition(mut document: Value) -> Value {
    document["openapi"] = "3.0.3".into();
    if let Some(license) = document.pointer_mut("/info/license").and_then(Value::as_object_mut) {
        license.remove("identifier");
        license.insert("url".to_owned(), "https://www.apache.org/licenses/LICENSE-2.0".into());
    }
    rewrite(&mut document);
    document
}

fn rewrite(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(rewrite),
        Value::Object(members) => {
            members.values_mut().for_each(rewrite);
            // What stands beside a reference is passed over there.
            if members.contains_key("$ref") && members.len() > 1 {
                let reference = members.remove("$ref").unwrap_or_default();
                members.insert(
                    "allOf".to_owned(),
                    [Map::from_iter([("$ref".to_owned(), reference)])].into_iter().collect(),
                );
            }
            make_nullable(members);
            // A rule between members; the description says it too.
            for keyword in ["if", "then"] {
                members.remove(keyword);
            }
        }
        _ => {}
    }
}

/// `oneOf` with null.
fn make_nullable(members: &mut Map<String, Value>) {
    let is_null = |one: &Value| one["type"] == "null";
    let Some(either) = members.get("oneOf").and_then(Value::as_array) else { return };
    if either.iter().any(is_null) {
        let others: Value = either.iter().filter(|one| !is_null(one)).cloned().collect();
        members.remove("oneOf");
        members.insert("nullable".to_owned(), true.into());
        // Without a type `nullable` says nothing there; what is referred to are objects all.
        if let Some(other) = others[0].as_object().filter(|other| other.contains_key("type")) {
            members.extend(other.clone());
        } else {
            members.insert("allOf".to_owned(), others);
            members.insert("type".to_owned(), "object".into());
        }
    }
}
