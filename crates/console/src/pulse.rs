//! Who listens hears soon that something has changed: one statement every few seconds, however many listen, and none while
//! nobody does.

use std::time::Duration;

use chimera_domain::error_chain;
use chimera_store::{Pulse, Store};
use tokio::{sync::Mutex, time::Instant};

/// The database is asked so often.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The last look, for everybody who listens.
#[derive(Debug, Default)]
pub(crate) struct LastLook(Mutex<Option<(Instant, Pulse)>>);

impl LastLook {
    /// Where things stand, as of [`LOOK_EVERY`] ago at the longest; as of the last look while the database can't be read.
    pub(crate) async fn pulse(&self, store: &Store) -> Option<Pulse> {
        // Who comes while somebody asks waits for that answer.
        let mut last = self.0.lock().await;
        let is_fresh = |(at, _): &(Instant, Pulse)| at.elapsed() < LOOK_EVERY;
        if !last.as_ref().is_some_and(is_fresh) {
            match store.pulse().await {
                Ok(pulse) => *last = Some((Instant::now(), pulse)),
                Err(error) => tracing::debug!(error = %error_chain(&error), "whoever listens hears nothing for now"),
            }
        }
        last.as_ref().map(|(_, pulse)| pulse.clone())
    }
}
