//! Where a backend listens.

use std::fmt;
use std::net::IpAddr;

use super::forbidden_address;

/// Scheme, host and port of a backend. Only parsed URLs without path, query, user info; never a link-local or metadata
/// address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// `https`.
    pub tls: bool,
    /// Host name or IP literal (IPv6 without brackets), lower-case.
    pub host: String,
    /// Port, defaulted by scheme.
    pub port: u16,
}

/// Names under which clouds serve the metadata of machines.
const METADATA_NAMES: [&str; 5] =
    ["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"];

const HOST_EXPECTED: &str = "the host must be a DNS name, an IPv4 address or an IPv6 address in brackets";

impl Endpoint {
    /// Parses `http://host[:port]` or `https://host[:port]`; one `/` at the end is tolerated.
    ///
    /// # Errors
    /// What is wrong, for people; never the text itself, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let lower = text.to_ascii_lowercase();
        let (tls, rest) = match (lower.strip_prefix("https://"), lower.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("must begin with http:// or https://"),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err("must be scheme, host and port only: no path, query or user");
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().unwrap_or(0),
            Some(_) => 0,
        };
        if port == 0 {
            return Err("the port must be a number from 1 to 65535");
        }
        Ok(Self { tls, host: parse_host(host)?, port })
    }

    /// The address, when the host is written as one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host[:port]` as the `Host` header says it: the port only when it is not the scheme's default (RS-4), with
    /// `label.` before the host in virtual-host style.
    #[must_use]
    pub fn authority(&self, label: Option<&str>) -> String {
        let mut out = String::with_capacity(self.host.len() + 8);
        if let Some(label) = label {
            out.push_str(label);
            out.push('.');
        }
        if self.host.contains(':') {
            out.push('[');
            out.push_str(&self.host);
            out.push(']');
        } else {
            out.push_str(&self.host);
        }
        if self.port != if self.tls { 443 } else { 80 } {
            out.push(':');
            out.push_str(&self.port.to_string());
        }
        out
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority(None))
    }
}

/// Host (IPv6 with its brackets) and port text.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    let ipv6_end = authority.find(']').map_or(0, |at| at + 1);
    let (ipv6, tail) = authority.split_at_checked(ipv6_end).ok_or(HOST_EXPECTED)?;
    match (ipv6.is_empty(), tail.split_once(':')) {
        (true, Some((host, port))) => Ok((host, Some(port))),
        (true, None) => Ok((tail, None)),
        (false, Some(("", port))) => Ok((ipv6, Some(port))),
        (false, None) if tail.is_empty() => Ok((ipv6, None)),
        (false, _) => Err(HOST_EXPECTED),
    }
}

fn parse_host(host: &str) -> Result<String, &'static str> {
    let address: Option<IpAddr> = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => Some(IpAddr::V6(inside.parse().map_err(|_| HOST_EXPECTED)?)),
        None => host.parse().ok().filter(IpAddr::is_ipv4),
    };
    if let Some(address) = address {
        return if forbidden_address(address) {
            Err("link-local and metadata addresses are never allowed")
        } else {
            Ok(address.to_string())
        };
    }
    if !is_dns_name(host) {
        return Err(HOST_EXPECTED);
    }
    if METADATA_NAMES.contains(&host) { Err("metadata services are never allowed") } else { Ok(host.to_owned()) }
}

/// Letters, digits, `-` and `_` in labels of 1 to 63 bytes. The last label must not begin with a digit: resolvers take
/// `2852039166`, `0xa9fea9fe` and `169.254.43518` for addresses.
fn is_dns_name(host: &str) -> bool {
    let label = |text: &str| {
        (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && host.split('.').all(label) && !last.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_are_understood() {
        for (text, expected) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://S3.Example.com/", "https://s3.example.com"),
            ("https://s3.example.com:443", "https://s3.example.com"),
            ("http://minio", "http://minio"),
            ("http://[::1]:9000", "http://[::1]:9000"),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(Endpoint::parse("http://[::1]:9000").unwrap().address(), Some("::1".parse().unwrap()));
        assert_eq!(Endpoint::parse("http://minio").unwrap().address(), None);
    }

    #[test]
    fn endpoints_with_anything_beyond_host_and_port_are_refused() {
        for text in [
            "",
            "s3.example.com",
            "ftp://s3.example.com",
            "http://",
            "http://:9000",
            "http://host:0",
            "http://host:65536",
            "http://host:+80",
            "http://host:",
            "http://host:80:80",
            "http://user:pw@host",
            "http://host/bucket",
            "http://host?x",
            "http://host#x",
            "http://host\\x",
            "http://ho st",
            "http://a..b",
            "http://host.",
            "http://-a",
            "http://::1",
            "http://[::1",
            "http://[::1]9000",
            "http://[fe80::1%25eth0]",
            "http://h\u{f6}st",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn security_8_metadata_hosts_are_refused_however_they_are_written() {
        for text in [
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "http://[::ffff:169.254.169.254]",
            "http://metadata.google.internal",
            "http://METADATA",
            "http://2852039166",
            "http://0xa9fea9fe",
            "http://169.254.43518",
            "http://0251.0376.0251.0376",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
