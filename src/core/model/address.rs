//! Addresses that no backend may have, in any mode (security.md section 8).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services of clouds outside the link-local range: Alibaba, Azure (`WireServer`), Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// The same over IPv6: AWS, Google, Scaleway.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// True for link-local and metadata addresses, and for those that are no host at all (unspecified, multicast,
/// broadcast). Loopback is allowed: quickstart and sidecar need it.
///
/// Asked twice: of an endpoint that is written as an address, and of every address that an endpoint's name resolves to.
#[must_use]
pub fn forbidden_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6) || embedded_v4(v6).is_some_and(forbidden_v4),
    }
}

fn forbidden_v4(v4: Ipv4Addr) -> bool {
    // All of 0.0.0.0/8 is "this host": Linux connects 0.0.0.0 to loopback, which nobody means.
    let this_network = v4.octets().first() == Some(&0);
    v4.is_link_local() || this_network || v4.is_multicast() || v4.is_broadcast() || METADATA_V4.contains(&v4)
}

fn forbidden_v6(v6: Ipv6Addr) -> bool {
    v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || METADATA_V6.contains(&v6)
}

/// The IPv4 address that a packet to this IPv6 address may end at: mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) and
/// 6to4 (`2002::/16`).
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_8_metadata_and_link_local_addresses_are_forbidden_however_they_are_written() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(forbidden_address(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn loopback_private_and_public_addresses_are_allowed() {
        for text in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "169.253.0.1", "8.8.8.8", "fd00::1", "2001:db8::1"]
        {
            assert!(!forbidden_address(text.parse().unwrap()), "{text}");
        }
    }
}
