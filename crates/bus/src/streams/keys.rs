//! Names in Redis, for operators and dashboards. The braces are a hash tag: in a cluster it keeps the keys of one queue
//! in one slot, which scripts need.

use crate::{Queue, Topic};

/// The consumer group that all takers of a queue form.
pub const GROUP: &str = "chimera";

/// The field of a stream entry that holds the task id.
pub const FIELD_ID: &str = "id";

/// The field of a dead letter that says how often it had been delivered.
pub const FIELD_DELIVERIES: &str = "deliveries";

/// What follows a queue's key in the key of its delayed set.
pub const SUFFIX_DELAYED: &str = ":delayed";

/// What follows a queue's key in the key of its dead letters.
pub const SUFFIX_DEAD: &str = ":dead";

/// The stream of a queue, such as `chimera:{task_queue}`: what waits and what was taken but not acknowledged.
#[must_use]
pub fn stream(prefix: &str, queue: Queue) -> String {
    format!("{prefix}:{{{}}}", queue.as_str())
}

/// What follows a queue's key in the key of the stream that wakes a taker.
pub const SUFFIX_WAKE: &str = ":wake";

/// The stream, such as `chimera:{task_queue}:wake`, whose one entry makes a waiting taker look at the delayed set again,
/// because something now falls due earlier than it knew.
#[must_use]
pub fn wake(prefix: &str, queue: Queue) -> String {
    stream(prefix, queue) + SUFFIX_WAKE
}

/// The sorted set of delayed ids, such as `chimera:{task_queue}:delayed`; scores are due times in Unix milliseconds.
#[must_use]
pub fn delayed(prefix: &str, queue: Queue) -> String {
    stream(prefix, queue) + SUFFIX_DELAYED
}

/// The stream of dead letters, such as `chimera:{task_queue}:dead`.
#[must_use]
pub fn dead(prefix: &str, queue: Queue) -> String {
    stream(prefix, queue) + SUFFIX_DEAD
}

/// The channel on which a topic's notices are published, such as `chimera:notices:hitl`.
#[must_use]
pub fn notices(prefix: &str, topic: Topic) -> String {
    format!("{prefix}:notices:{}", topic.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_one_queue_share_one_hash_tag() {
        assert_eq!(stream("chimera", Queue::Task), "chimera:{task_queue}");
        assert_eq!(delayed("chimera", Queue::Review), "chimera:{review_queue}:delayed");
        assert_eq!(dead("eu", Queue::Publish), "eu:{publish_queue}:dead");
    }
}
