//! The proxies of the process: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say about backends whose route names no
//! proxy (C29). There is no standard; the forms are those that curl and Go's `http.ProxyFromEnvironment` agree upon.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU16;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::Endpoint;
use crate::sigv4::SecretKey;

/// Which proxy leads to which backend; the default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessProxies {
    /// To `http` endpoints.
    pub http: Option<ProcessProxy>,
    /// To `https` endpoints.
    pub https: Option<ProcessProxy>,
    /// What is reached without any of them.
    pub except: Vec<NoProxy>,
}

/// One proxy. `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessProxy {
    /// Where it listens; always plain HTTP.
    pub endpoint: Endpoint,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<SecretKey>,
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoProxy {
    /// `*`.
    Everything,
    /// `10.0.0.0/8`: addresses that begin with these bits. Only hosts that are written as addresses have one.
    Network(IpAddr, u8),
    /// `example.com`, `.example.com` and `*.example.com` are the same here: this name and all below it, at this port or
    /// at any.
    Host(String, Option<u16>),
}

impl ProcessProxies {
    /// The proxy to a backend. This machine is never reached through one: for the proxy, loopback is another machine.
    #[must_use]
    pub fn to(&self, endpoint: &Endpoint) -> Option<&ProcessProxy> {
        let proxy = if endpoint.tls { &self.https } else { &self.http };
        let is_direct = is_this_machine(endpoint) || self.except.iter().any(|entry| entry.covers(endpoint));
        proxy.as_ref().filter(|_| !is_direct)
    }
}

impl NoProxy {
    /// Parses one entry.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let network = address.parse::<IpAddr>().ok().zip(bits.parse::<u8>().ok());
            return network
                .filter(|(address, bits)| *bits <= width(*address))
                .map(|(address, bits)| Self::Network(address, bits))
                .ok_or("is no network, such as 10.0.0.0/8");
        }
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(Self::Network(address, width(address)));
        }
        let name = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
        let name = name.strip_prefix('.').unwrap_or(name);
        let wrong = "is no host name, address, network or *, with a port or without";
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse::<NonZeroU16>().map_err(|_| wrong)?.get())),
            None => (name, None),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || !(host.bytes().all(is_name) || host.parse::<Ipv6Addr>().is_ok()) {
            return Err(wrong);
        }
        Ok(Self::Host(host.to_ascii_lowercase(), port))
    }

    fn covers(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network, bits) => endpoint.address().is_some_and(|address| begins(address, *network, *bits)),
            Self::Host(name, port) => {
                let rest = endpoint.host.strip_suffix(name.as_str());
                let is_named = rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_named && port.is_none_or(|port| port == endpoint.port)
            }
        }
    }
}

/// The value of `Proxy-Authorization` for a user (RFC 7617); `None` for a name with a colon, which cannot be written.
#[must_use]
pub fn basic_authorization(username: &str, password: &str) -> Option<SecretKey> {
    if username.contains(':') {
        return None;
    }
    let pair = Zeroizing::new(format!("{username}:{password}"));
    SecretKey::new(format!("Basic {}", BASE64.encode(pair.as_bytes())))
}

fn is_this_machine(endpoint: &Endpoint) -> bool {
    let host = endpoint.host.as_str();
    host == "localhost"
        || host.ends_with(".localhost")
        || endpoint.address().is_some_and(|address| address.to_canonical().is_loopback())
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn begins(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let differ = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()),
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    // no bit is compared: everything of this family begins so
    differ.checked_shr(u32::from(width(network).saturating_sub(bits))).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text).unwrap()
    }

    fn proxy(text: &str) -> ProcessProxy {
        ProcessProxy { endpoint: endpoint(text), authorization: None }
    }

    fn except(entries: &[&str]) -> ProcessProxies {
        ProcessProxies {
            http: Some(proxy("http://plain:3128")),
            https: Some(proxy("http://secure:3128")),
            except: entries.iter().map(|entry| NoProxy::parse(entry).unwrap()).collect(),
        }
    }

    #[test]
    fn c_29_the_scheme_of_the_backend_chooses_the_proxy() {
        let proxies = except(&[]);
        assert_eq!(proxies.to(&endpoint("http://s3.test")), Some(&proxy("http://plain:3128")));
        assert_eq!(proxies.to(&endpoint("https://s3.test")), Some(&proxy("http://secure:3128")));
        assert_eq!(ProcessProxies { http: None, ..proxies }.to(&endpoint("http://s3.test")), None);
    }

    #[test]
    fn c_29_no_proxy_names_hosts_below_ports_addresses_and_networks() {
        for (entry, direct, through) in [
            ("*", vec!["http://a.test", "https://10.0.0.1"], vec![]),
            ("S3.test", vec!["http://s3.test", "https://b.s3.test:9000"], vec!["http://evils3.test", "http://test"]),
            (".s3.test", vec!["http://s3.test", "http://b.s3.test"], vec!["http://evils3.test"]),
            ("*.s3.test", vec!["http://b.s3.test"], vec!["http://s3.test.evil"]),
            ("s3.test:9000", vec!["http://s3.test:9000"], vec!["http://s3.test", "http://s3.test:90"]),
            ("10.1.2.3", vec!["http://10.1.2.3:9000"], vec!["http://10.1.2.30", "http://10.1.2.3.test"]),
            ("10.1.2.3:9000", vec!["http://10.1.2.3:9000"], vec!["http://10.1.2.3:9001"]),
            ("10.1.0.0/16", vec!["http://10.1.255.1"], vec!["http://10.2.0.1", "http://[::ffff:a01:1]"]),
            ("10.1.2.3/32", vec!["http://10.1.2.3"], vec!["http://10.1.2.2"]),
            ("0.0.0.0/0", vec!["http://192.0.2.1"], vec!["http://[2001:db8::1]", "http://s3.test"]),
            ("2001:db8::/33", vec!["http://[2001:db8:1::1]"], vec!["http://[2001:db8:8000::1]"]),
            ("[2001:db8::1]:443", vec!["https://[2001:db8::1]"], vec!["http://[2001:db8::1]"]),
            ("metadata.google.internal", vec![], vec!["http://s3.google.internal"]),
            ("[2001:db8::1]", vec!["http://[2001:db8::1]"], vec!["http://[2001:db8::2]"]),
            ("::/0", vec!["http://[2001:db8::1]"], vec!["http://192.0.2.1"]),
        ] {
            let proxies = except(&["other.example", entry]);
            for text in direct {
                assert_eq!(proxies.to(&endpoint(text)), None, "{entry} covers {text}");
            }
            for text in through {
                assert!(proxies.to(&endpoint(text)).is_some(), "{entry} does not cover {text}");
            }
        }
    }

    #[test]
    fn c_29_this_machine_is_never_behind_a_proxy() {
        for text in
            ["http://localhost:9000", "https://s3.localhost", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]"]
        {
            assert_eq!(except(&[]).to(&endpoint(text)), None, "{text}");
        }
        assert!(except(&[]).to(&endpoint("http://localhost.test")).is_some());
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for text in
            ["", ".", "10.0.0.0/33", "::/129", "10.0.0.0/x", "a.test/8", "http://a.test", "a b", "a.test:0", "u@a"]
        {
            assert!(NoProxy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_user_with_a_colon_cannot_be_written() {
        let header = basic_authorization("Aladdin", "open sesame").unwrap();
        header.with_exposed(|text| assert_eq!(text, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(basic_authorization("a:b", "c"), None);
    }
}
