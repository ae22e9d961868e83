//! The names of settings.

/// The name of the setting or section `key` in the section `name`, which is empty for the whole.
pub(crate) fn below(name: &str, key: &str) -> String {
    if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") }
}
