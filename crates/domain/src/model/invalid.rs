//! Why an input was not accepted.

use alloc::borrow::Cow;

/// An input that breaks a rule of the contract.
///
/// It names the field and the rule and never repeats the value: the value may be a secret that
/// was put into the wrong field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {rule}.")]
pub struct Invalid {
    field: Cow<'static, str>,
    rule: Cow<'static, str>,
}

impl Invalid {
    /// `field` is the JSON path of the input, `rule` completes the sentence "`field` …".
    pub fn new(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }

    /// The JSON path of the input that was refused, such as `scopes[1]`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What completes the sentence, for whoever has another name for the input.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }
}
