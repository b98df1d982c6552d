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
