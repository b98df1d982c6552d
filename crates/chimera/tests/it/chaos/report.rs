//! What a run has to say.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Plan,
    audit::{Counts, Findings},
    faults::Struck,
    feed::Feeds,
    fleet::Fleet,
    pausing::Pauses,
    reviewer::Answers,
    watch::Watched,
    world::World,
};

/// A finding of each kind is shown so many times.
const SHOWN_MAX: usize = 10;

/// Everything about a run.
pub(super) struct Report {
    pub(super) feeds: Feeds,
    pub(super) struck: Vec<Struck>,
    pub(super) pauses: Pauses,
    pub(super) answers: Answers,
    pub(super) watched: Watched,
    pub(super) findings: Findings,
    pub(super) counts: Counts,
    pub(super) drained: Duration,
    pub(super) took: Duration,
    pub(super) surprises: Vec<String>,
}

/// What the logs of all processes say.
#[derive(Default)]
struct Logged {
    delivered_again: u64,
    panics: Vec<String>,
    errors: BTreeMap<String, u64>,
}

impl Report {
    /// Tells of the run, and gives what makes it a failure.
    pub(super) fn tell(&self, world: &World, plan: &Plan) -> Vec<String> {
        let counts = &self.counts;
        let hits = self.struck.iter().filter(|fault| fault.hit).count();
        println!(
            "chaos: {} faults in {} s, of which {hits} hit work in hand",
            self.struck.len(),
            plan.seconds.as_secs()
        );
        let mut kinds: BTreeMap<&str, Vec<&Struck>> = BTreeMap::new();
        for fault in &self.struck {
            kinds.entry(fault.kind).or_default().push(fault);
        }
        for (kind, struck) in kinds {
            let hits = struck.iter().filter(|fault| fault.hit).count();
            let recovery = self.watched.recovery(struck.iter().copied()).map_or_else(String::new, |recovery| {
                format!(
                    ", recovery p50 {} ms, max {} ms (of {})",
                    recovery.p50.as_millis(),
                    recovery.max.as_millis(),
                    recovery.count
                )
            });
            let kind = if matches!(kind, "planner" | "worker" | "judge" | "publisher") {
                format!("kill -9 {kind}")
            } else {
                kind.to_owned()
            };
            println!("chaos:   {:3} x {kind} ({hits} hits){recovery}", struck.len());
        }
        if let Some(all) = self.watched.recovery(self.struck.iter()) {
            println!("chaos: recovery p50 {} ms, max {} ms", all.p50.as_millis(), all.max.as_millis());
        }
        println!(
            "chaos: {} pauses of the second campaign; {} approvals and {} rejections by a person",
            self.pauses.count,
            self.answers.approved.len(),
            self.answers.rejected.len()
        );
        println!("chaos: signals {:?}", counts.signals);
        println!(
            "chaos: posts {:?}; {} on the platform after {} attempts",
            counts.posts, counts.on_platform, counts.attempts
        );
        #[expect(clippy::cast_precision_loss, reason = "some hundred")]
        let per_second = counts.on_platform as f64 / self.took.as_secs_f64();
        println!(
            "chaos: settled {:.1} s after the last fault; {per_second:.2} posts/s over {:.0} s",
            self.drained.as_secs_f64(),
            self.took.as_secs_f64()
        );
        for agent in &counts.spent {
            println!("chaos: {} spent ${}, ${} count, of ${} a day", agent[0], agent[1], agent[2], agent[3]);
        }
        println!("chaos: {} spend counters, each compared with the ledger", counts.counters);
        let logged = Logged::read(world);
        println!("chaos: {} ids were delivered again by sweepers", logged.delivered_again);
        for (message, count) in &logged.errors {
            println!("chaos: logged as an error {count} times: {message}");
        }
        self.failures(plan, hits, &logged)
    }

    fn failures(&self, plan: &Plan, hits: usize, logged: &Logged) -> Vec<String> {
        let Findings { lost, doubled, stuck, overdraft, other } = &self.findings;
        let mut failures = vec![];
        for (name, found) in
            [("lost", lost), ("doubled", doubled), ("stuck", stuck), ("overdraft", overdraft), ("broken", other)]
        {
            failures.extend(found.iter().take(SHOWN_MAX).map(|finding| format!("{name}: {finding}")));
            if found.len() > SHOWN_MAX {
                failures.push(format!("{name}: and {} more", found.len() - SHOWN_MAX));
            }
        }
        failures.extend(self.pauses.broken.iter().map(|task| format!("broken: task {task} was begun in a pause")));
        failures.extend(self.surprises.iter().map(|surprise| format!("surprise: {surprise}")));
        failures.extend(logged.panics.iter().take(SHOWN_MAX).map(|panic| format!("panic: {panic}")));
        // One in four seconds that hits is far below what a slow machine has.
        let wanted = usize::try_from(plan.seconds.as_secs() / 4).unwrap().max(1);
        if hits < wanted {
            failures.push(format!("only {hits} faults hit work in hand, which proves too little; {wanted} are wanted"));
        }
        if self.counts.counters == 0 {
            failures.push("no spend counter counts anything".to_owned());
        }
        if self.counts.on_platform == 0 {
            failures.push("nothing was published".to_owned());
        }
        failures
    }

    /// The line that says it all.
    pub(super) fn last_line(&self) {
        let Findings { lost, doubled, stuck, overdraft, .. } = &self.findings;
        println!(
            "faults={} lost={} doubled={} stuck={} overdraft={}",
            self.struck.len(),
            lost.len(),
            doubled.len(),
            stuck.len(),
            overdraft.len()
        );
    }
}

impl Logged {
    fn read(world: &World) -> Self {
        let mut logged = Self::default();
        for log in Fleet::logs(world) {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            for line in text.lines() {
                logged.line(line);
            }
        }
        logged
    }

    fn line(&mut self, line: &str) {
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else {
            // A kill may cut a line in half; a panic is told in plain words.
            if line.contains("panicked at") {
                self.panics.push(line.to_owned());
            }
            return;
        };
        let message = entry["message"].as_str().unwrap_or_default();
        if message == "delivered again" {
            self.delivered_again += entry["count"].as_u64().unwrap_or_default();
        }
        if entry["level"] == "ERROR" {
            *self.errors.entry(message.to_owned()).or_insert(0) += 1;
        }
    }
}
