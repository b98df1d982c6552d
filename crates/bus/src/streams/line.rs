//! What a bus knows of one queue.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::keys;
use crate::Queue;

/// One queue's keys and when it was last searched for forgotten deliveries.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: String,
    pub(super) delayed: String,
    pub(super) dead: String,
    pub(super) wake: String,
    search: Mutex<Search>,
}

#[derive(Debug, Default)]
struct Search {
    last: Option<Instant>,
    cursor: Option<String>,
}

/// The cursor of a search that begins.
const BEGINNING: &str = "0-0";

impl Line {
    pub(super) fn new(prefix: &str, queue: Queue) -> Self {
        Self {
            stream: keys::stream(prefix, queue),
            delayed: keys::delayed(prefix, queue),
            dead: keys::dead(prefix, queue),
            wake: keys::wake(prefix, queue),
            search: Mutex::default(),
        }
    }

    /// Where to go on searching, when a search is due; only one of many takers is told to.
    pub(super) fn search_due(&self, every: Duration) -> Option<String> {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if search.last.is_some_and(|last| now.duration_since(last) < every) {
            return None;
        }
        search.last = Some(now);
        Some(search.cursor.clone().unwrap_or_else(|| BEGINNING.to_owned()))
    }

    /// Where the next search goes on. One that is not done goes on at once.
    pub(super) fn searched_up_to(&self, cursor: String) {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        if cursor != BEGINNING {
            search.last = None;
        }
        search.cursor = Some(cursor);
    }
}
