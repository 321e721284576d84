//! Addresses of this machine in its networks, for people who open the page from another device.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where another device reaches a page that listens on `address`: only on that, or on all that this machine has.
pub(super) fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![address];
    }
    // The kernel's own tables: asking needs no socket.
    let table = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut found = ipv4_of(&table("/proc/net/fib_trie"));
    if address.is_ipv6() {
        found.extend(ipv6_of(&table("/proc/net/if_inet6")));
    }
    found.into_iter().map(|ip| SocketAddr::new(ip, address.port())).collect()
}

/// The local addresses of the routing table: `|-- 192.168.1.20`, and below it `/32 host LOCAL`.
fn ipv4_of(fib_trie: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut latest: Option<Ipv4Addr> = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            latest = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = latest.map(IpAddr::V4)
            && !address.is_loopback()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Lines of 32 hexadecimal digits, and the scope in the fourth column. Those of one link only need the name of
/// an interface, which browsers do not take.
fn ipv6_of(if_inet6: &str) -> Vec<IpAddr> {
    const GLOBAL: &str = "00";
    let address = |line: &str| {
        let mut columns = line.split_whitespace();
        let digits = columns.next()?;
        let scope = columns.nth(2)?;
        let bits = u128::from_str_radix(digits, 16).ok()?;
        (scope == GLOBAL).then_some(IpAddr::V6(Ipv6Addr::from(bits)))
    };
    if_inet6.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_networks_are_found() {
        let fib_trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
            |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.168.1.0\n        /24 link UNICAST\n     \
            |-- 192.168.1.20\n        /32 host LOCAL\n     |-- 192.168.1.255\n        /32 link BROADCAST\n\
            Local:\n     |-- 192.168.1.20\n        /32 host LOCAL\n     |-- 10.8.0.2\n        /32 host LOCAL\n";
        let found: Vec<String> = ipv4_of(fib_trie).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.168.1.20", "10.8.0.2"]);
        let if_inet6 = "fd000000000000000000000000000002 04 40 00 82     eth0\n\
            00000000000000000000000000000001 01 80 10 80       lo\n\
            fe8000000000000000fc00fffe000001 04 40 20 80     eth0\nnonsense\n";
        let found: Vec<String> = ipv6_of(if_inet6).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["fd00::2"]);
    }

    #[test]
    fn one_address_is_itself() {
        let address: SocketAddr = "192.168.1.20:80".parse().unwrap();
        assert_eq!(reachable(address), [address]);
    }
}
