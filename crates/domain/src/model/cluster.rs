//! Workloads of the cluster that the service runs in.

use alloc::{borrow::ToOwned, string::String};

use super::text::shows_text;

/// Who a workload is, as the cluster names it: `system:serviceaccount:NAMESPACE:NAME` in
/// Kubernetes. 1 to 400 visible ASCII characters, so that it can stand in a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterSubject(String);

impl ClusterSubject {
    /// Accepts the text as it stands; `None` where it breaks the rule.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ((1..=400).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()))
            .then(|| Self(text.to_owned()))
    }
}

shows_text!(ClusterSubject);

/// A workload that has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterCaller {
    /// Who it is, for the log.
    pub subject: ClusterSubject,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_ascii_of_up_to_400_characters_is_a_subject() {
        for text in ["system:serviceaccount:gateway:envoy", "spiffe://example.org/gateway", &"a".repeat(400)]
        {
            assert_eq!(ClusterSubject::parse(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a b", "é", "a\n", &"a".repeat(401)] {
            assert!(ClusterSubject::parse(text).is_none(), "{text}");
        }
    }
}
