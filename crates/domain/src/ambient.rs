//! Time and randomness as values: the domain has neither a clock nor dice of its own.

use chrono::{DateTime, Utc};

/// Where "now" and fresh bits come from. The binary gives the real ones, tests give seeded ones,
/// so a whole run can be repeated.
pub trait Ambient: Send + Sync + std::fmt::Debug {
    /// The present moment, UTC.
    fn now(&self) -> DateTime<Utc>;

    /// Sixteen fresh random bytes.
    fn random(&self) -> [u8; 16];

    /// A number drawn evenly from 0 to 1.
    fn dice(&self) -> f64 {
        let [a, b, c, d, ..] = self.random();
        f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }
}
