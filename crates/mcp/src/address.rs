//! Which network addresses may be asked for what lies elsewhere: only public ones, unless the operator allows private ones.
//!
//! The check sits in the name resolver and in the redirect policy, so a name that resolves to a private address, or
//! changes its address between check and use, or a public page that redirects inwards, are all refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// An address that is not on the public internet, and nobody allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is at the private address {address}")]
pub struct PrivateAddress {
    /// The host as written.
    pub host: String,
    /// What it stands for.
    pub address: IpAddr,
}

/// What may be private after all.
#[derive(Debug, Clone)]
pub enum Allowed {
    /// Everything.
    All,
    /// These hosts, by name or address.
    Hosts(Arc<[String]>),
}

impl Allowed {
    fn has(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Hosts(hosts) => hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)),
        }
    }

    /// Refuses a URL whose host is a private address written out.
    ///
    /// # Errors
    /// [`PrivateAddress`].
    pub fn check_literal(&self, url: &Url) -> Result<(), PrivateAddress> {
        let address = match url.host() {
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
            _ => return Ok(()),
        };
        let host = address.to_string();
        if is_public(address) || self.has(&host) { Ok(()) } else { Err(PrivateAddress { host, address }) }
    }
}

/// Resolves names by the system, and lets only public and allowed addresses through.
#[derive(Debug, Clone)]
pub struct Guarded(pub Allowed);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let allowed = self.0.has(&host);
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // One private address among public ones is enough: what is elsewhere has no business resolving inwards.
            if let Some(private) = found.iter().find(|at| !allowed && !is_public(at.ip())) {
                return Err(PrivateAddress { host, address: private.ip() }.into());
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// Whether an address is reachable from anywhere, after the special-purpose registries of RFC 6890 and its updates.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    /// Network and prefix length of everything that is not the public internet.
    const RESERVED: [(Ipv4Addr, u32); 15] = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    let bits = address.to_bits();
    !RESERVED.iter().any(|(network, prefix)| (bits ^ network.to_bits()) >> (32 - prefix) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match (a, b) {
        // IPv4-mapped, and the translation prefix of RFC 6052, stand for the IPv4 address they carry.
        (0, 0) if [c, d, e, f] == [0, 0, 0, 0xffff] => embedded(g, h),
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => embedded(g, h),
        (0x2002, _) => embedded(b, c),
        // Teredo, benchmarking, ORCHID and other protocol assignments; documentation.
        (0x2001, 0..=0x1ff | 0xdb8) => false,
        (0x3fff, 0..=0xfff) => false,
        // Everything that is handed out as global unicast begins with 001.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.19.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "::7f00:1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn numbers_that_mean_loopback_are_seen_through() {
        let none = Allowed::Hosts(Arc::default());
        for url in ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://[::1]/", "http://0/"] {
            let refused = none.check_literal(&Url::parse(url).unwrap()).unwrap_err();
            assert!(!is_public(refused.address), "{url}");
        }
        assert_eq!(none.check_literal(&Url::parse("https://example.com/feed").unwrap()), Ok(()));
    }

    #[test]
    fn one_allowed_host_does_not_allow_its_neighbours() {
        let one = Allowed::Hosts(Arc::from(["127.0.0.1".to_owned()]));
        assert_eq!(one.check_literal(&Url::parse("http://127.0.0.1:9/feed").unwrap()), Ok(()));
        assert!(one.check_literal(&Url::parse("http://127.0.0.2/feed").unwrap()).is_err());
        assert_eq!(Allowed::All.check_literal(&Url::parse("http://127.0.0.2/feed").unwrap()), Ok(()));
    }
}
