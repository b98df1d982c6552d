//! Every metric there is. Names follow the Prometheus conventions; labels take few values, never an id.
//!
//! *Fleet-wide* ones are read from the database or the queues when somebody asks, and are the same whichever process
//! answers: take their maximum over processes, not their sum.

use crate::{Bound, Metric};

/// Buckets for what takes milliseconds to a minute: calls and single tasks.
const CALL_MS: &[Bound] = &[1, 3, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];
/// Buckets for what may wait for a person: up to a day.
const STAGE_MS: &[Bound] = &[
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000,
    86_400_000,
];

/// The build.
pub const BUILD_INFO: Metric =
    Metric::gauge("chimera_build_info", "1; the label is the version of the program").by("version", &[]);
/// When the process started.
pub const PROCESS_START: Metric =
    Metric::gauge("process_start_time_seconds", "When the process started, in seconds since the Unix epoch");
/// Roles that run.
pub const ROLE_UP: Metric = Metric::gauge("chimera_role_up", "1 while the role's loop runs in this process").by(
    "role",
    &["planner", "worker", "judge", "publisher", "sweeper", "bookkeeper", "pruner", "notifier", "console", "probes"],
);
/// Memory.
pub const RESIDENT_MEMORY: Metric =
    Metric::gauge("process_resident_memory_bytes", "Memory that the process holds, where the system tells it");
/// Duties held.
pub const DUTY_HELD: Metric =
    Metric::gauge("chimera_duty_held", "1 while this process holds the duty, which one at a time has").by("duty", &[]);
/// What is there.
pub const DEPENDENCY_UP: Metric =
    Metric::gauge("chimera_dependency_up", "1 when the dependency answered the last reading, 0 when it did not")
        .by("dependency", &["database", "queue"]);
/// Statements.
pub const STATEMENTS: Metric =
    Metric::counter("chimera_database_statements_total", "Statements that this process sent and the database answered")
        .kept_elsewhere();
/// Commits.
pub const COMMITS: Metric =
    Metric::counter("chimera_database_commits_total", "Writing transactions of several statements that were committed")
        .kept_elsewhere();
/// Rollbacks.
pub const ROLLBACKS: Metric = Metric::counter(
    "chimera_database_rollbacks_total",
    "Writing transactions of several statements that were given up",
)
.kept_elsewhere();
/// Conflicts of versions.
pub const CONFLICTS: Metric = Metric::counter(
    "chimera_conflicts_total",
    "Writes that were refused because a row had moved on meanwhile, by what they came from",
)
.by("at", &["plan", "result", "verdict", "publication"]);

/// Planning.
pub const PLANNER_ROUNDS: Metric = Metric::counter("chimera_planner_rounds_total", "Rounds of planning, by their end")
    .by("outcome", &["completed", "failed"]);
/// Watched resources.
pub const RESOURCES: Metric =
    Metric::gauge("chimera_resources_watched", "Resources that active campaigns watch, as this planner last saw");
/// Failing resources.
pub const RESOURCES_FAILING: Metric = Metric::gauge(
    "chimera_resources_failing",
    "Watched resources whose last reading by this planner failed, those that are left alone for a while included",
);
/// Signals stored.
pub const SIGNALS: Metric = Metric::counter("chimera_signals_total", "New items stored as signals");
/// Texts weighed.
pub const TEXTS_WEIGHED: Metric = Metric::counter(
    "chimera_texts_weighed_total",
    "New texts that were weighed: denied by the campaign's own words, settled at the free first look, asked about of the mind",
)
.by("how", &["denied", "settled", "asked"]);
/// Duplicates.
pub const DUPLICATES: Metric = Metric::counter(
    "chimera_duplicates_total",
    "Signals that told a known story: copied, or reworded in nearly the same words",
)
.by("kind", &["copied", "reworded"]);
/// Known stories.
pub const STORIES: Metric = Metric::gauge(
    "chimera_stories_known",
    "Stories that this planner knows in other words, too, by their first headline",
);
/// Trends.
pub const TRENDS_HOT: Metric =
    Metric::gauge("chimera_trends_hot", "Trends that last, as the planner that spots them last saw");
/// Changes of trends.
pub const TREND_CHANGES: Metric =
    Metric::counter("chimera_trend_changes_total", "Trends that rose or were over").by("change", &["risen", "ended"]);
/// Held back signals.
pub const HELD_SIGNALS: Metric = Metric::counter(
    "chimera_held_signals_total",
    "Signals that the governor had held back: planned, dropped because their time was over, told meanwhile, or left to \
     other agents",
)
.by("outcome", &["planned", "stale", "duplicate", "refused"]);
/// Refused signals.
pub const SIGNALS_REFUSED: Metric = Metric::counter(
    "chimera_signals_refused_total",
    "Relevant signals that were not planned when they were read, by the limit that they met; same_story: enough agents of \
     the fleet post about the story",
)
.by(
    "reason",
    &[
        "hourly_task_cap",
        "daily_task_cap",
        "daily_spend_cap",
        "quiet_hours",
        "campaign_daily_task_cap",
        "campaign_daily_budget",
        "same_story",
    ],
);
/// Tasks planned.
pub const TASKS_PLANNED: Metric = Metric::counter("chimera_tasks_planned_total", "Tasks planned");
/// How long posts take.
pub const STAGE_DURATION: Metric = Metric::histogram(
    "chimera_stage_duration_seconds",
    "How long posts took: planned (from the end of the reading to the commit of the plan), made (from the plan to the \
     assembled post), judged (from there to the judge's ruling), published (from the approval, a person's included, to \
     the confirmed post), whole (from the plan to the confirmed post)",
    STAGE_MS,
)
.by("stage", &["planned", "made", "judged", "published", "whole"]);
/// How long tasks take.
pub const TASK_DURATION: Metric = Metric::histogram(
    "chimera_task_duration_seconds",
    "How long a worker took over a task, successful or not",
    CALL_MS,
)
.by("task_type", &["generate_text", "generate_image", "generate_video", "assemble_post", "reply_comment", "other"]);
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
/// Videos made otherwise than planned.
pub const VIDEOS_LOWERED: Metric = Metric::counter(
    "chimera_videos_lowered_total",
    "Videos that would have come to nothing and are made a tier lower: from the picture (daily), or not at all, the picture in \
     their place; for want of money, or because the tool failed for good",
)
.by("to", &["daily", "picture"])
.by("cause", &["money", "tool"]);
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

/// Events told to the webhook.
pub const WEBHOOK_EVENTS: Metric = Metric::counter(
    "chimera_webhook_events_total",
    "Tries of this process to tell the webhook that an alert was raised or closed: told, failed and to be tried again, or \
     given up",
)
.by("outcome", &["told", "failed", "given_up"]);

/// MCP calls.
pub const MCP_CALLS: Metric = Metric::counter(
    "chimera_mcp_calls_total",
    "Calls of MCP servers, retries not counted, by the configured server and what came of them: unknown is one whose \
     effect nobody knows",
)
.by("server", &[])
.by("outcome", &["success", "refused", "failed", "unknown"]);
/// MCP latency.
pub const MCP_CALL_DURATION: Metric = Metric::histogram(
    "chimera_mcp_call_duration_seconds",
    "How long calls of MCP servers took, retries and the waiting for a free connection included",
    CALL_MS,
)
.by("server", &[]);
/// MCP errors.
pub const MCP_ERRORS: Metric =
    Metric::counter("chimera_mcp_errors_total", "Calls of MCP servers that failed, by the configured server and why")
        .by("server", &[])
        .by(
            "class",
            &[
                "tool",
                "protocol",
                "connect",
                "busy",
                "throttled",
                "not_sent",
                "cancelled",
                "timeout",
                "cut",
                "too_large",
                "malformed",
                "withheld",
                "configuration",
            ],
        );
/// Questions to the mind.
pub const LLM_QUESTIONS: Metric =
    Metric::counter("chimera_llm_questions_total", "Questions to the mind, by what was asked and what came of it")
        .by("question", &["relevance", "write", "opine"])
        .by("outcome", &["answered", "failed", "refused"]);
/// How long the mind takes.
pub const LLM_DURATION: Metric = Metric::histogram(
    "chimera_llm_question_duration_seconds",
    "How long the mind took over a question, its own retries included",
    CALL_MS,
)
.by("question", &["relevance", "write", "opine"]);
/// Fallbacks.
pub const LLM_PASSED_OVER: Metric = Metric::counter(
    "chimera_llm_passed_over_total",
    "Models that stood before the one that answered in the order of their role, and could not answer",
)
.by("question", &["relevance", "write", "opine"]);
/// Tokens.
pub const LLM_TOKENS: Metric =
    Metric::counter("chimera_llm_tokens_total", "Tokens of answered questions, by the configured model")
        .by("model", &[])
        .by("direction", &["input", "output"]);
/// What the mind costs.
pub const LLM_COST: Metric = Metric::counter(
    "chimera_llm_cost_micro_usd_total",
    "What questions to the mind cost, in millionths of a US dollar, by the configured model; other where no answer says \
     which model it was",
)
.by("model", &[]);

/// Tasks by state.
pub const TASKS: Metric = Metric::gauge(
    "chimera_tasks",
    "Tasks that are not at an end, and those that gave up (FAILED, the dead letters), by state. Fleet-wide",
)
.by("state", &[]);
/// Lag of the queues.
pub const QUEUE_LAG: Metric = Metric::gauge(
    "chimera_queue_lag_seconds",
    "How long the longest waiting task has been ready for whoever takes from this queue, by the database; 0 when none \
     waits. Fleet-wide",
)
.by("queue", &["task_queue", "review_queue", "publish_queue"]);
/// Open tickets.
pub const TICKETS_OPEN: Metric = Metric::gauge("chimera_tickets_open", "Tickets that wait for a person. Fleet-wide");
/// Overdue tickets.
pub const TICKETS_OVERDUE: Metric =
    Metric::gauge("chimera_tickets_overdue", "Open tickets past the moment at which they were due. Fleet-wide");
/// The SLA.
pub const TICKET_OLDEST: Metric = Metric::gauge(
    "chimera_ticket_oldest_seconds",
    "How long the longest waiting open ticket has waited; 0 when none waits. Fleet-wide",
);
/// Open alerts.
pub const ALERTS_OPEN: Metric =
    Metric::gauge("chimera_alerts_open", "Alerts that nobody has acknowledged, by kind. Fleet-wide").by("kind", &[]);
/// Money of the day.
pub const SPEND_TODAY: Metric = Metric::gauge(
    "chimera_spend_today_usd",
    "What counts toward the daily caps since midnight UTC, all agents together: spent, presumed spent, and set aside. \
     Fleet-wide",
);
/// Money set aside.
pub const SPEND_RESERVED: Metric = Metric::gauge(
    "chimera_spend_reserved_usd",
    "What is set aside for tasks under way, all agents together. Fleet-wide",
);
/// The caps.
pub const BUDGET_TODAY: Metric =
    Metric::gauge("chimera_budget_today_usd", "The daily caps of all agents together. Fleet-wide");
/// The fullest budget.
pub const BUDGET_USED_RATIO_MAX: Metric = Metric::gauge(
    "chimera_budget_used_ratio_max",
    "The part of its daily cap that the agent nearest to it has used: 1 is all of it. Fleet-wide",
);
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
    RESIDENT_MEMORY,
    ROLE_UP,
    DUTY_HELD,
    DEPENDENCY_UP,
    STATEMENTS,
    COMMITS,
    ROLLBACKS,
    CONFLICTS,
    PLANNER_ROUNDS,
    RESOURCES,
    RESOURCES_FAILING,
    SIGNALS,
    TEXTS_WEIGHED,
    DUPLICATES,
    STORIES,
    TRENDS_HOT,
    TREND_CHANGES,
    HELD_SIGNALS,
    SIGNALS_REFUSED,
    TASKS_PLANNED,
    STAGE_DURATION,
    TASK_DURATION,
    TASKS_CLAIMED,
    RESULTS,
    TASKS_RELEASED,
    VIDEOS_LOWERED,
    VERDICTS,
    PUBLICATIONS,
    SWEPT,
    SPEND_COUNTERS_STARTED,
    PRUNED,
    WEBHOOK_EVENTS,
    MCP_CALLS,
    MCP_CALL_DURATION,
    MCP_ERRORS,
    LLM_QUESTIONS,
    LLM_DURATION,
    LLM_PASSED_OVER,
    LLM_TOKENS,
    LLM_COST,
    TASKS,
    QUEUE_LAG,
    TICKETS_OPEN,
    TICKETS_OVERDUE,
    TICKET_OLDEST,
    ALERTS_OPEN,
    SPEND_TODAY,
    SPEND_RESERVED,
    BUDGET_TODAY,
    BUDGET_USED_RATIO_MAX,
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
            let Metric { name, kind, help, buckets, .. } = metric;
            assert!(names.insert(name), "{name} stands twice");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(*kind != Kind::Histogram || name.ends_with("_duration_seconds"), "{name}");
            assert_eq!(buckets.is_empty(), *kind != Kind::Histogram, "{name}");
            assert!(buckets.is_sorted_by(|a, b| a < b), "{name}");
            assert!(name.starts_with("chimera_") || name.starts_with("process_"), "{name}");
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(name) && !help.is_empty() && !help.ends_with('.') && !help.contains("  "), "{name}");
            for label in metric.labels() {
                assert!(plain(label.name) && label.values.iter().all(|v| plain(v)), "{name}");
            }
        }
    }
}
