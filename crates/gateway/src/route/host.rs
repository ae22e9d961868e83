//! Hosts.

use std::net::{Ipv4Addr, Ipv6Addr};

use capykeys_domain::model::Invalid;

use super::Fit;

/// The longest name and the longest part of one (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The host that a request is for, in the one way in which everybody reads it: without its port and
/// a final dot, in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestHost(String);

impl RequestHost {
    /// From the value of `Host` (RFC 9110, section 7.2). `None` where it is neither a host name nor an
    /// IP address in its usual form, or what follows it is no port.
    pub(super) fn parse(value: &str) -> Option<Self> {
        // Within brackets a colon belongs to an IPv6 address.
        let split = value.rfind(']').map_or(0, |bracket| bracket + 1);
        let (name, port) = match value[split..].split_once(':') {
            Some((rest, port)) => (&value[..split + rest.len()], Some(port)),
            None => (value, None),
        };
        if !port.is_none_or(is_port) {
            return None;
        }
        canonical(name).map(Self)
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// A host name or an IP address as it is compared.
fn canonical(name: &str) -> Option<String> {
    if let Some(address) = name.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(is_letter);
    if name.len() > MAX_NAME || !name.split('.').all(is_label) {
        return None;
    }
    // What ends in a number is an IPv4 address to many, however it is written: 127.1, 0x7f000001.
    let last = name.rsplit('.').next()?;
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return name.parse::<Ipv4Addr>().ok().map(|address| address.to_string());
    }
    Some(name)
}

/// A host name, or `*.` and a host name: then every name below it, and not itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    below: bool,
}

impl HostPattern {
    /// Accepts host names and IP addresses, without a port.
    ///
    /// # Errors
    /// [`Invalid`] for `host` where it is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let rule = "must be a host name, or `*.` and a host name, without a port";
        canonical(name).map(|name| Self { name, below }).ok_or_else(|| Invalid::new("host", rule))
    }

    /// Whether the host is meant. It may be where the gateway does not say which one it is.
    pub(super) fn fit(&self, host: Option<&RequestHost>) -> Fit {
        match host {
            None => Fit::Nearly,
            Some(RequestHost(host)) if self.means(host) => Fit::Exactly(None),
            Some(_) => Fit::Not,
        }
    }

    /// Whether every host that the other means is meant by this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self == other || (self.below && self.means(&other.name))
    }

    fn means(&self, host: &str) -> bool {
        if !self.below {
            return host == self.name;
        }
        host.strip_suffix(self.name.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        let (pattern, host) = (HostPattern::parse(pattern).unwrap(), RequestHost::parse(host).unwrap());
        pattern.fit(Some(&host)) == Fit::Exactly(None)
    }

    #[test]
    fn a_name_is_compared_without_case_port_and_final_dot() {
        for host in ["api.example.com", "Api.Example.Com:8443", "api.example.com.", "api.example.com.:80"] {
            assert!(matches("API.example.com", host), "{host}");
        }
        for host in ["example.com", "x.api.example.com", "api.example.com.evil"] {
            assert!(!matches("API.example.com", host), "{host}");
        }
        assert!(matches("[::1]", "[::1]:8080") && matches("[::1]", "[0:0::1]"));
        assert!(matches("127.0.0.1", "127.0.0.1:80"));
    }

    #[test]
    fn a_star_stands_for_every_name_below() {
        assert!(matches("*.example.com", "a.example.com:80") && matches("*.example.com", "a.b.example.com"));
        assert!(!matches("*.example.com", "example.com") && !matches("*.example.com", "evilexample.com"));
    }

    #[test]
    fn a_host_that_is_not_named_may_be_any() {
        assert_eq!(HostPattern::parse("example.com").unwrap().fit(None), Fit::Nearly);
    }

    #[test]
    fn what_is_no_host_of_a_request_is_none() {
        for host in [
            "",
            ".",
            "admin.example.com..",
            ".admin.example.com",
            "admin..example.com",
            "admin.example.com:80:80",
            "admin.example.com:",
            "admin.example.com:x",
            "admin.example.com:+80",
            "admin.example.com:65536",
            "x@admin.example.com",
            "x:y@admin.example.com",
            "admin.example.com@evil",
            "admin.example.com/",
            "admin.example.com#",
            "admin.example.com?",
            "admin.example.com\\",
            "%61dmin.example.com",
            "admin example.com",
            " admin.example.com",
            "admin\u{3002}example.com",
            "ａdmin.example.com",
            "a,admin.example.com",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:80:80",
            "[::1%25eth0]",
            "[127.0.0.1]",
            "127.1",
            "127.0.0.01",
            "2130706433",
            "0x7f.0.0.1",
            "127.0.0.0x1",
            "1.2.3.4.5",
        ] {
            assert_eq!(RequestHost::parse(host), None, "{host}");
        }
        assert_eq!(RequestHost::parse(&"a".repeat(64)), None);
        assert_eq!(RequestHost::parse(&"a.".repeat(128)), None);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "*", "*.", "a b", "a/b", "example.com:80", "https://example.com", "*a.com", "a..b"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }
}
