//! Every metric there is. Names follow the Prometheus conventions; labels take few values, never an id.
//!
//! *Fleet-wide* ones are read from the database or the queues when somebody asks, and are the same whichever process
//! answers: take their maximum over processes, not their sum.

use crate::Metric;

/// The build.
pub const BUILD_INFO: Metric =
    Metric::gauge("chimera_build_info", "1; the label is the version of the program").by("version", &[]);
/// When the process started.
pub const PROCESS_START: Metric =
    Metric::gauge("process_start_time_seconds", "When the process started, in seconds since the Unix epoch");
/// Roles that run.
pub const ROLE_UP: Metric = Metric::gauge("chimera_role_up", "1 while the role's loop runs in this process")
    .by("role", &["planner", "worker", "judge", "publisher", "sweeper", "bookkeeper", "pruner", "console", "probes"]);
/// Duties held.
pub const DUTY_HELD: Metric =
    Metric::gauge("chimera_duty_held", "1 while this process holds the duty, which one at a time has").by("duty", &[]);
/// What is there.
pub const DEPENDENCY_UP: Metric =
    Metric::gauge("chimera_dependency_up", "1 when the dependency answered the last reading, 0 when it did not")
        .by("dependency", &["database", "queue"]);

/// Planning.
pub const PLANNER_ROUNDS: Metric = Metric::counter("chimera_planner_rounds_total", "Rounds of planning, by their end")
    .by("outcome", &["completed", "failed"]);
/// Signals stored.
pub const SIGNALS: Metric = Metric::counter("chimera_signals_total", "New items stored as signals");
/// Held back signals.
pub const HELD_SIGNALS: Metric = Metric::counter(
    "chimera_held_signals_total",
    "Signals that the governor had held back: planned, dropped because their time was over, or told meanwhile",
)
.by("outcome", &["planned", "stale", "duplicate"]);
/// Tasks planned.
pub const TASKS_PLANNED: Metric = Metric::counter("chimera_tasks_planned_total", "Tasks planned");
/// Claims.
pub const TASKS_CLAIMED: Metric = Metric::counter("chimera_tasks_claimed_total", "Tasks claimed by this worker pool");
/// Results.
pub const RESULTS: Metric =
    Metric::counter("chimera_results_total", "Results handed in: accepted, or fenced because the lease had run out")
        .by("outcome", &["accepted", "fenced"]);
/// Tasks given back.
pub const TASKS_RELEASED: Metric = Metric::counter(
    "chimera_tasks_released_total",
    "Claimed tasks given back: to be tried again, given up, cut off by a shutdown, or fenced",
)
.by("outcome", &["ready", "failed", "handed_back", "fenced"]);
/// Verdicts.
pub const VERDICTS: Metric =
    Metric::counter("chimera_verdicts_total", "Verdicts written, or dropped because the task had moved on")
        .by("outcome", &["applied", "conflict"]);
/// Publish attempts.
pub const PUBLICATIONS: Metric = Metric::counter(
    "chimera_publications_total",
    "Publications brought to an outcome: out, to be tried again, failed, before a person, or fenced",
)
.by("outcome", &["published", "again", "failed", "unknown", "fenced"]);
/// Swept work.
pub const SWEPT: Metric = Metric::counter(
    "chimera_swept_total",
    "Tasks that the sweeper of this process delivered again to a queue, gave up or cancelled",
)
.by("outcome", &["task_queue", "review_queue", "publish_queue", "failed", "cancelled"]);
/// Counters started.
pub const SPEND_COUNTERS_STARTED: Metric = Metric::counter(
    "chimera_spend_counters_started_total",
    "Agents whose spend counters this process started from the ledger: they did not run, or were off, or had too much to hear",
)
.by("why", &["absent", "off", "flood"]);

/// Old rows and files that went.
pub const PRUNED: Metric =
    Metric::counter("chimera_pruned_total", "Old rows and files that nobody needed any more, deleted by this process")
        .by("what", &["signals", "tool_calls", "alerts", "media"]);

/// Tasks by state.
pub const TASKS: Metric = Metric::gauge("chimera_tasks", "Tasks, by state. Fleet-wide").by("state", &[]);
/// Open tickets.
pub const TICKETS_OPEN: Metric = Metric::gauge("chimera_tickets_open", "Tickets that wait for a person. Fleet-wide");
/// Overdue tickets.
pub const TICKETS_OVERDUE: Metric =
    Metric::gauge("chimera_tickets_overdue", "Open tickets past the moment at which they were due. Fleet-wide");
/// Waiting ids.
pub const QUEUE_WAITING: Metric =
    Metric::gauge("chimera_queue_waiting", "Ids that wait in the queue; autoscalers read this. Fleet-wide")
        .by("queue", &["task_queue", "review_queue", "publish_queue"]);
/// Taken ids.
pub const QUEUE_TAKEN: Metric = Metric::gauge("chimera_queue_taken", "Ids taken and not acknowledged. Fleet-wide")
    .by("queue", &["task_queue", "review_queue", "publish_queue"]);
/// Delayed ids.
pub const QUEUE_DELAYED: Metric = Metric::gauge("chimera_queue_delayed", "Ids whose time has not come. Fleet-wide")
    .by("queue", &["task_queue", "review_queue", "publish_queue"]);
/// Dead letters.
pub const QUEUE_DEAD: Metric = Metric::gauge("chimera_queue_dead", "Ids that the queue gave up. Fleet-wide")
    .by("queue", &["task_queue", "review_queue", "publish_queue"]);

/// Every metric there is.
pub const CATALOGUE: &[Metric] = &[
    BUILD_INFO,
    PROCESS_START,
    ROLE_UP,
    DUTY_HELD,
    DEPENDENCY_UP,
    PLANNER_ROUNDS,
    SIGNALS,
    HELD_SIGNALS,
    TASKS_PLANNED,
    TASKS_CLAIMED,
    RESULTS,
    TASKS_RELEASED,
    VERDICTS,
    PUBLICATIONS,
    SWEPT,
    SPEND_COUNTERS_STARTED,
    PRUNED,
    TASKS,
    TICKETS_OPEN,
    TICKETS_OVERDUE,
    QUEUE_WAITING,
    QUEUE_TAKEN,
    QUEUE_DELAYED,
    QUEUE_DEAD,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Kind;

    #[test]
    fn names_follow_the_conventions_and_are_single() {
        let mut names = HashSet::new();
        for metric in CATALOGUE {
            let Metric { name, kind, help, label } = metric;
            assert!(names.insert(name), "{name} stands twice");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(name.starts_with("chimera_") || name.starts_with("process_"), "{name}");
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(name) && !help.is_empty() && !help.ends_with('.'), "{name}");
            assert!(label.is_none_or(|l| plain(l.name) && l.values.iter().all(|v| plain(v))), "{name}");
        }
    }
}
