//! The reckoning: every item, task, post and approval is asked what became of it.
//!
//! Nothing here goes through the product's own reading of its tables: plain SQL on one side, the platform's own records
//! on the other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    RESTS,
    counters::{counters, disagreements},
    feed::Feeds,
    platform::{self, Post, repeated},
    reviewer::Answers,
    world::World,
};

/// What should not be. Each finding says what it is about.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) lost: Vec<String>,
    pub(super) doubled: Vec<String>,
    pub(super) stuck: Vec<String>,
    pub(super) overdraft: Vec<String>,
    /// Promises beyond these four.
    pub(super) other: Vec<String>,
}

/// What there was at the end.
pub(super) struct Counts {
    pub(super) signals: BTreeMap<String, u64>,
    pub(super) posts: BTreeMap<String, u64>,
    pub(super) on_platform: usize,
    pub(super) attempts: u64,
    /// Each agent: what it spent, what counts, and its cap, in dollars.
    pub(super) spent: Vec<Vec<String>>,
    /// How many spend counters count something.
    pub(super) counters: usize,
}

/// Looks at everything.
pub(super) fn audit(world: &World, feeds: &Feeds, answers: &Answers) -> (Findings, Counts) {
    let mut findings = Findings::default();
    items(world, feeds, &mut findings);
    tasks(world, &mut findings);
    approvals(world, answers, &mut findings);
    let posts = platform::posts(world);
    posts_against_ledger(world, &posts, &mut findings);
    pauses(world, &mut findings);
    money(world, &mut findings);
    chain(world, &mut findings);
    let by = |query: &str| world.rows(query).into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect();
    let counts = Counts {
        signals: by("SELECT outcome, count(*) FROM trend_signals GROUP BY 1 ORDER BY 1"),
        posts: by("SELECT state, count(*) FROM agent_tasks WHERE task_type = 'assemble_post' GROUP BY 1 ORDER BY 1"),
        on_platform: posts.len(),
        attempts: world.count("SELECT coalesce(sum(attempts), 0) FROM publications"),
        counters: counters(world).iter().filter(|counter| counter.is_moved()).count(),
        spent: world.rows(
            "SELECT a.persona_slug, round(coalesce(sum(l.cost_micros), 0) / 1e6, 6), \
             round(coalesce(sum(l.counted_micros), 0) / 1e6, 6), round(a.max_daily_spend_micros / 1e6, 6) \
             FROM agents a LEFT JOIN spend_ledger l ON l.agent_id = a.id GROUP BY a.id ORDER BY 1",
        ),
    };
    (findings, counts)
}

/// Each item has exactly one row with an outcome, and each story is planned at most once.
fn items(world: &World, feeds: &Feeds, findings: &mut Findings) {
    let mut rows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in world.rows("SELECT resource_uri, item->>'id', outcome FROM trend_signals") {
        rows.entry((row[0].clone(), row[1].clone())).or_default().push(row[2].clone());
    }
    for feed in &feeds.feeds {
        for id in feed.ids() {
            match rows.remove(&(feed.uri(), id.to_owned())).as_deref() {
                None => findings.lost.push(format!("item {id} has no row")),
                Some([outcome]) if outcome.is_empty() => findings.lost.push(format!("item {id} has no outcome")),
                Some([_]) => {}
                Some(several) => findings.doubled.push(format!("item {id} has several rows: {several:?}")),
            }
        }
    }
    for (_, id) in rows.into_keys() {
        findings.other.push(format!("item {id} is in no feed"));
    }
    let stories = "SELECT campaign_id, content_hash, count(*) FROM trend_signals WHERE outcome = 'PLANNED' \
        GROUP BY 1, 2 HAVING count(*) > 1";
    for story in world.rows(stories) {
        findings.doubled.push(format!("story {story:?} is planned more than once"));
    }
}

/// No task is on its way for ever, and each planned item has come to an end.
fn tasks(world: &World, findings: &mut Findings) {
    let moving = format!(
        "SELECT t.id, t.task_type, t.state, t.attempts, coalesce(t.lease_owner, '-'), t.updated_at, coalesce(t.last_error, '-') \
         FROM agent_tasks t WHERE t.state NOT IN ({RESTS}) ORDER BY t.updated_at"
    );
    findings.stuck.extend(world.rows(&moving).into_iter().map(|row| format!("task {}", row.join(" "))));
    // A task that waits for a person must have its question, or nobody will ever answer.
    let mute = "SELECT t.id FROM agent_tasks t WHERE t.state = 'HITL_QUEUE' AND NOT EXISTS \
        (SELECT 1 FROM hitl_queue_items q WHERE q.task_id = t.id AND q.resolution IS NULL)";
    findings.stuck.extend(
        world.rows(mute).into_iter().map(|row| format!("task {} waits for a person whom nobody asked", row[0])),
    );
    // The governor admits a post for each channel, and each campaign here has one.
    let planned = "SELECT s.id, s.item->>'id' FROM trend_signals s WHERE s.outcome = 'PLANNED' AND NOT EXISTS \
        (SELECT 1 FROM agent_tasks t WHERE t.signal_id = s.id AND t.task_type = 'assemble_post')";
    findings
        .lost
        .extend(world.rows(planned).into_iter().map(|row| format!("item {} is planned and has no post", row[1])));
    // Cancelled without a reason would be lost without a trace: something before it must have ended badly.
    let cancelled = "SELECT t.id FROM agent_tasks t WHERE t.state = 'CANCELLED' AND NOT EXISTS \
        (SELECT 1 FROM agent_tasks o WHERE o.signal_id = t.signal_id AND o.state IN ('FAILED', 'REJECTED'))";
    findings
        .lost
        .extend(world.rows(cancelled).into_iter().map(|row| format!("task {} was cancelled for nothing", row[0])));
    let silent = "SELECT t.id, coalesce(t.last_error, '-') FROM agent_tasks t WHERE t.state = 'FAILED' AND NOT EXISTS \
        (SELECT 1 FROM alerts a WHERE a.subject = t.id::text)";
    findings.lost.extend(
        world.rows(silent).into_iter().map(|row| format!("task {} failed without an alert: {}", row[0], row[1])),
    );
    let unjudged = "SELECT t.id FROM agent_tasks t WHERE t.state = 'PUBLISHED' AND NOT EXISTS \
        (SELECT 1 FROM judge_decisions d WHERE d.task_id = t.id)";
    findings
        .other
        .extend(world.rows(unjudged).into_iter().map(|row| format!("task {} went out without a decision", row[0])));
}

/// What a person said holds: an approved post went out, or is known not to; a rejected one did not.
fn approvals(world: &World, answers: &Answers, findings: &mut Findings) {
    let rows =
        world.rows("SELECT q.id, q.resolution, t.state FROM hitl_queue_items q JOIN agent_tasks t ON t.id = q.task_id");
    let known: BTreeMap<&str, (&str, &str)> =
        rows.iter().map(|row| (row[0].as_str(), (row[1].as_str(), row[2].as_str()))).collect();
    for ticket in answers.approved.keys() {
        match known.get(ticket.as_str()) {
            Some(("APPROVED", "PUBLISHED" | "FAILED" | "HITL_QUEUE")) => {}
            other => findings.lost.push(format!("the approval of ticket {ticket} came to nothing: {other:?}")),
        }
    }
    for ticket in answers.rejected.keys() {
        match known.get(ticket.as_str()) {
            Some(("REJECTED", "REJECTED")) => {}
            other => findings.other.push(format!("the rejection of ticket {ticket} was overruled: {other:?}")),
        }
    }
}

/// The platform and the ledger say the same.
fn posts_against_ledger(world: &World, posts: &[Post], findings: &mut Findings) {
    for (what, times) in [
        ("idempotency key", repeated(posts.iter().map(|post| post.key.as_str()))),
        ("content", repeated(posts.iter().map(|post| post.content.as_str()))),
    ] {
        let more = times.into_iter().map(|(name, count)| format!("{what} {name} is out {count} times"));
        findings.doubled.extend(more);
    }
    let ledger = world.rows(
        "SELECT p.idempotency_key, p.state, coalesce(p.external_id, '-'), t.state, t.id, coalesce(q.question, '-'), \
         t.signal_id || ' ' || t.channel \
         FROM publications p JOIN agent_tasks t ON t.id = p.task_id \
         LEFT JOIN hitl_queue_items q ON q.task_id = t.id AND q.resolution IS NULL",
    );
    let by_key: BTreeMap<&str, &Vec<String>> = ledger.iter().map(|row| (row[0].as_str(), row)).collect();
    let mut posts_of_plans = vec![];
    for Post { id, key, .. } in posts {
        let Some(row) = by_key.get(key.as_str()) else {
            findings.doubled.push(format!("post {id} is out, and the ledger knows nothing of it"));
            continue;
        };
        posts_of_plans.push(row[6].as_str());
        let (entry, external, state, question) = (row[1].as_str(), row[2].as_str(), row[3].as_str(), row[5].as_str());
        match (entry, state, question) {
            ("CONFIRMED", "PUBLISHED", _) if external == id => {}
            ("UNKNOWN", "HITL_QUEUE", "is_it_out") => {}
            _ => findings.doubled.push(format!("post {id} is out, and the ledger says {row:?}")),
        }
    }
    for (plan, count) in repeated(posts_of_plans.into_iter()) {
        findings.doubled.push(format!("signal and channel {plan} made {count} posts"));
    }
    let out: BTreeSet<&str> = posts.iter().map(|post| post.key.as_str()).collect();
    let published = world.rows("SELECT t.id FROM agent_tasks t WHERE t.state = 'PUBLISHED'");
    let mut entries: BTreeMap<&str, Vec<&Vec<String>>> = BTreeMap::new();
    for row in &ledger {
        entries.entry(row[4].as_str()).or_default().push(row);
    }
    for task in &published {
        let confirmed: Vec<&Vec<String>> =
            entries.get(task[0].as_str()).into_iter().flatten().filter(|row| row[1] == "CONFIRMED").copied().collect();
        match confirmed.as_slice() {
            [row] if out.contains(row[0].as_str()) => {}
            [row] => {
                findings.lost.push(format!("task {} counts as published, and the platform has no {}", task[0], row[0]))
            }
            several => {
                findings.other.push(format!("task {} counts as published with {} entries", task[0], several.len()))
            }
        }
    }
}

/// By the audit log, whose order is that of the commits: no publishing began while its campaign stood still.
fn pauses(world: &World, findings: &mut Findings) {
    let begun = world.rows(
        "SELECT b.seq, b.details::jsonb->>'task' FROM audit_log b \
         JOIN agent_tasks t ON t.id::text = b.details::jsonb->>'task' \
         WHERE b.action = 'publish_begun' AND 'PAUSED' = \
         (SELECT p.details::jsonb->>'to' FROM audit_log p WHERE p.action = 'campaign_status_set' \
          AND p.subject_id = t.campaign_id AND p.seq < b.seq ORDER BY p.seq DESC LIMIT 1)",
    );
    let say = |row: Vec<String>| format!("task {} was begun to be published in a pause (entry {})", row[1], row[0]);
    findings.other.extend(begun.into_iter().map(say));
}

/// No agent went beyond its cap on any day; what the ledger says was spent is what the calls on record cost, to the
/// millionth of a dollar, and what the counters in Redis say; and nothing is set aside for work that is over.
fn money(world: &World, findings: &mut Findings) {
    let beyond = "SELECT a.persona_slug, (l.reserved_at AT TIME ZONE 'UTC')::date, sum(l.counted_micros), \
        a.max_daily_spend_micros FROM spend_ledger l JOIN agents a ON a.id = l.agent_id \
        GROUP BY a.id, 2 HAVING sum(l.counted_micros) > a.max_daily_spend_micros";
    for row in world.rows(beyond) {
        findings.overdraft.push(format!("{} spent {} of {} micro-dollars on {}", row[0], row[2], row[3], row[1]));
    }
    let apart = "SELECT a.persona_slug, \
        (SELECT coalesce(sum(cost_micros), 0) FROM spend_ledger WHERE agent_id = a.id) AS ledger, \
        (SELECT coalesce(sum(c.cost_micros), 0) FROM tool_calls c LEFT JOIN agent_tasks t ON t.id = c.task_id \
         WHERE coalesce(c.agent_id, t.agent_id) = a.id) AS calls FROM agents a";
    for row in world.rows(apart).into_iter().filter(|row| row[1] != row[2]) {
        findings.overdraft.push(format!("the ledger says that {} spent {}, its calls say {}", row[0], row[1], row[2]));
    }
    findings.overdraft.extend(disagreements(world));
    let open = "SELECT reservation, purpose FROM spend_ledger WHERE state = 'OPEN'";
    for row in world.rows(open) {
        findings.stuck.push(format!("money is still set aside for {} ({})", row[0], row[1]));
    }
}

/// The audit log is whole.
fn chain(world: &World, findings: &mut Findings) {
    let verified = world.chimera.run(&["db", "verify"]);
    if !verified.ok {
        findings.other.push(format!("the audit log: {}{}", verified.stdout, verified.stderr));
    }
}
