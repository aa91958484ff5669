//! Addresses that credentials and contacts are never sent to, wherever a URL comes from: those of the link itself, where
//! clouds serve an instance's own credentials, and those of no single server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names under which clouds serve an instance's metadata.
const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// Why nothing is sent to this host, which is a name or an address, as a parsed URL has it.
pub fn refuse_host(host: &str) -> Option<&'static str> {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    match host.parse() {
        Ok(address) => refuse_address(address),
        Err(_) if METADATA_NAMES.iter().any(|name| host.eq_ignore_ascii_case(name)) => Some(METADATA),
        Err(_) => None,
    }
}

/// Why nothing is sent to this address.
pub fn refuse_address(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refuse_v4(address),
        IpAddr::V6(address) => refuse_v6(address),
    }
}

const METADATA: &str = "this is where a cloud serves an instance's own credentials";
const LINK_LOCAL: &str = "this is a link-local address, where clouds serve an instance's own credentials";
const NO_SERVER: &str = "this is not the address of a server";

fn refuse_v4(address: Ipv4Addr) -> Option<&'static str> {
    if address.is_link_local() {
        return Some(LINK_LOCAL);
    }
    // Alibaba's metadata; a shared address (RFC 6598) otherwise.
    if address == Ipv4Addr::new(100, 100, 100, 200) {
        return Some(METADATA);
    }
    // 0.0.0.0/8 is this host itself on most systems (RFC 1122, section 3.2.1.3).
    let nobody = address.octets()[0] == 0 || address.is_broadcast() || address.is_multicast();
    nobody.then_some(NO_SERVER)
}

fn refuse_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return None;
    }
    if address.is_unicast_link_local() {
        return Some(LINK_LOCAL);
    }
    let segments = address.segments();
    // fd00:ec2::254 (instances) and fd00:ec2::23 (pods) are AWS's, fd20:ce::254 is Google's.
    if segments[..2] == [0xfd00, 0x0ec2] || segments[..2] == [0xfd20, 0x00ce] {
        return Some(METADATA);
    }
    if address.is_unspecified() || address.is_multicast() {
        return Some(NO_SERVER);
    }
    embedded_v4(segments).and_then(refuse_v4)
}

/// The IPv4 address that an IPv6 address leads to.
fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let (high, low) = match segments {
        // Mapped (RFC 4291, section 2.5.5.2), compatible (2.5.5.1), translated (RFC 2765), NAT64 (RFC 6052, RFC 8215).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => (high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_link_local_and_metadata_addresses_in_every_form() {
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.0.1",
            "[fe80::1]",
            "febf::1",
            "[fd00:ec2::254]",
            "fd00:ec2::23",
            "fd20:ce::254",
            "[::ffff:169.254.169.254]",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "ff02::1",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
            "instance-data.ec2.internal",
        ] {
            assert!(refuse_host(host).is_some(), "{host}");
        }
    }

    #[test]
    fn leaves_servers_alone() {
        for host in [
            "127.0.0.1",
            "::1",
            "localhost",
            "10.0.0.1",
            "192.168.1.1",
            "api.hubapi.com",
            "2606:4700::1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(refuse_host(host), None, "{host}");
        }
    }
}
