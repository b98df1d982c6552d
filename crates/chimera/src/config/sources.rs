//! What is said of the database, the queues and the texts to read: checked by those who use them.

use chimera_bus::RedisConfig;
use chimera_store::Store;

use super::{Config, ConfigError, load::section};

impl Config {
    /// Checks the addresses of the database and of the queues, without asking anybody there.
    pub(super) fn check_addresses(&self) -> Result<(), ConfigError> {
        Store::check(&self.store()).map_err(|source| section("database", source))?;
        // The prefix is checked even while there is no address.
        let queue = self.queue.redis().unwrap_or_else(|| RedisConfig {
            prefix: self.queue.prefix.clone(),
            ..RedisConfig::new("redis://localhost/")
        });
        queue.check().map_err(|source| section("queue", source))
    }
}
