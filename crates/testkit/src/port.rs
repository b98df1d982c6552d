//! Ports for throwaway servers.

use std::net::TcpListener;

use anyhow::bail;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Below the ports that the system gives to outgoing connections (from 32,768 on Linux, 49,152 by RFC 6335). A client
/// that knocks at the port of a stopped server could otherwise be given that very port, connect to itself, and keep the
/// server from coming back.
const RANGE: std::ops::Range<u16> = 15_000..30_000;

const ATTEMPTS_MAX: u32 = 100;

/// A port of the loopback interface that nobody listens on just now.
///
/// # Errors
/// When none can be found.
pub(crate) fn free() -> anyhow::Result<u16> {
    let mut dice = StdRng::from_os_rng();
    for _ in 0..ATTEMPTS_MAX {
        let port = dice.random_range(RANGE);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("{ATTEMPTS_MAX} ports in {RANGE:?} were all taken");
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_free_port_can_be_had_and_a_taken_one_is_not_given() {
        let port = super::free().unwrap();
        assert!(super::RANGE.contains(&port));
        let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_ne!(super::free().unwrap(), port);
    }
}
