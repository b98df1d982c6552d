//! The real clock and the real dice: the one rim where ambient time and randomness come in.

use chimera_domain::Ambient;
use chrono::{DateTime, Utc};
use rand::RngCore as _;

/// The machine's clock and the operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemAmbient;

impl Ambient for SystemAmbient {
    #[expect(clippy::disallowed_methods, reason = "this is where real time comes from")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where real randomness comes from")]
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }
}

/// A name that no other process has: host, process id, and something random, for in a container every process is the
/// first.
pub(crate) fn instance() -> String {
    let host = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty());
    let [a, b, c, d, ..] = SystemAmbient.random();
    let random = u32::from_be_bytes([a, b, c, d]);
    format!("{}-{}-{random:08x}", host.as_deref().unwrap_or("local"), std::process::id())
}
