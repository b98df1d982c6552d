//! What benchmarks need of Redis itself: the least that a counter can cost there, and a way to leave nothing behind.

use crate::{RedisLink, RedisLinkError};

/// Keys that are looked at, and removed, in one command: Redis does nothing else meanwhile.
const KEYS_AT_ONCE: usize = 1_000;

impl RedisLink {
    /// Adds 1 to a bare counter below the prefix, and gives what it is then: one command, one answer, nothing decided.
    ///
    /// # Errors
    /// [`RedisLinkError`] when the server does not answer, or refuses.
    pub async fn increment(&self, counter: &str) -> Result<i64, RedisLinkError> {
        let mut ask = redis::cmd("INCRBY");
        ask.arg(format!("{}:bare:{counter}", self.prefix())).arg(1);
        self.command(&ask).await.map_err(|source| self.explain(source))
    }

    /// Removes every key below the prefix, whatever it holds, and says how many there were. Only for prefixes that nothing
    /// but a benchmark uses.
    ///
    /// # Errors
    /// [`RedisLinkError`] when the server does not answer, or refuses.
    pub async fn remove_keys(&self) -> Result<u64, RedisLinkError> {
        let (mut place, mut removed) = ("0".to_owned(), 0);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&place).arg("MATCH").arg(format!("{}:*", self.prefix())).arg("COUNT").arg(KEYS_AT_ONCE);
            let (next, keys): (String, Vec<String>) =
                self.command(&scan).await.map_err(|source| self.explain(source))?;
            if !keys.is_empty() {
                let gone: u64 =
                    self.command(redis::cmd("UNLINK").arg(&keys)).await.map_err(|source| self.explain(source))?;
                removed += gone;
            }
            if next == "0" {
                return Ok(removed);
            }
            place = next;
        }
    }
}
