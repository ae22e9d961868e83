//! Hosts.

use alloc::string::String;

use crate::model::Invalid;

/// A host name, or `*.` and a host name: then every name below it, and not itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Accepts host names and IP addresses, without a port.
    ///
    /// # Errors
    /// [`Invalid`] for `host` where it is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte);
        if name.is_empty() || !name.bytes().all(allowed) || without_port(name).len() != name.len() {
            return Err(Invalid::new("host", "must be a host name, or `*.` and a host name, without a port"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Whether the value of a request's `Host` is meant, whatever its port.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let host = without_port(host);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match self.0.strip_prefix('*') {
            Some(parent) => host.len() > parent.len() && host.ends_with(parent),
            None => host == self.0,
        }
    }
}

fn without_port(host: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match host.rsplit_once(':') {
        // Within brackets a colon belongs to an IPv6 address.
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_without_case_port_and_final_dot() {
        let pattern = HostPattern::parse("API.example.com").unwrap();
        for host in ["api.example.com", "Api.Example.Com:8443", "api.example.com.", "api.example.com.:80"] {
            assert!(pattern.matches(host), "{host}");
        }
        for host in ["", "example.com", "x.api.example.com", "api.example.com.evil", "api.example.com@evil"] {
            assert!(!pattern.matches(host), "{host}");
        }
        assert!(HostPattern::parse("[::1]").unwrap().matches("[::1]:8080"));
    }

    #[test]
    fn a_star_stands_for_every_name_below() {
        let pattern = HostPattern::parse("*.example.com").unwrap();
        assert!(pattern.matches("a.example.com:80") && pattern.matches("a.b.example.com"));
        assert!(!pattern.matches("example.com") && !pattern.matches("evilexample.com"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "*", "*.", "a b", "a/b", "example.com:80", "https://example.com", "*a.com"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }
}
