//! `chimera judge view-queue` and `chimera judge check-sla`: what waits for people.

use std::{process::ExitCode, time::Duration};

use chimera_domain::{HitlTicket, TicketId};
use chimera_judge::HitlQueue;
use chimera_store::{HitlDepth, Store, TicketFilter};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use crate::{compose, config::Config, output, system::SystemAmbient};

/// A watched queue is looked at so often without being told: notices may be lost, and an answer falls overdue without one.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(2);

/// The exit code of `check-sla` when an answer is overdue. (1 is for errors, 2 for options that can't be understood.)
const OVERDUE: u8 = 3;

/// What `chimera judge check-sla --help` says about its exit codes.
pub(super) const SLA_EXIT_CODES: &str =
    "Exit codes: 0 no answer is overdue, 3 some are, 1 it could not be found out, 2 options that can't be understood";

/// Which posts to list.
#[derive(Debug, Args)]
pub(super) struct ViewQueue {
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// Only those of this campaign
    #[arg(long, value_name = "SLUG")]
    campaign: Option<String>,
    /// Only those with this sensitive topic, such as `politics`
    #[arg(long)]
    topic: Option<String>,
    /// Only those after this ticket, the last one of the page before
    #[arg(long, value_name = "TICKET")]
    after: Option<TicketId>,
    /// Stay, and list them again whenever something changes
    #[arg(long)]
    watch: bool,
    /// As JSON; one line for each list with `--watch`
    #[arg(long)]
    json: bool,
}

/// How to tell.
#[derive(Debug, Args)]
pub(super) struct CheckSla {
    /// The most tickets to list
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl ViewQueue {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let queue = queue(config).await?;
        let filter = TicketFilter {
            campaign: match &self.campaign {
                Some(slug) => Some(campaign(&queue.store, slug).await?),
                None => None,
            },
            topic: self.topic.clone(),
            after: self.after,
            overdue: false,
            limit: self.limit,
        };
        let mut shown = self.look(&queue.hitl, &filter).await?;
        self.print(&shown)?;
        if self.watch {
            let mut listener = queue.hitl.listen();
            loop {
                listener.heard(LOOK_AT_LEAST_EVERY).await;
                let now = self.look(&queue.hitl, &filter).await?;
                if now != shown {
                    shown = now;
                    self.print(&shown)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn look(&self, hitl: &HitlQueue, filter: &TicketFilter) -> anyhow::Result<(HitlDepth, Vec<HitlTicket>)> {
        Ok((hitl.depth().await?, hitl.next(filter).await?))
    }

    fn print(&self, (depth, tickets): &(HitlDepth, Vec<HitlTicket>)) -> anyhow::Result<()> {
        if self.json {
            return if self.watch { output::json_line(tickets) } else { output::json(tickets) };
        }
        output::line(&in_words(*depth));
        table(tickets);
        Ok(())
    }
}

impl CheckSla {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let hitl = queue(config).await?.hitl;
        let depth = hitl.depth().await?;
        let overdue = hitl.next(&TicketFilter { overdue: true, limit: self.limit, ..TicketFilter::default() }).await?;
        if self.json {
            output::json(&json!({
                "open": depth.open, "overdue": depth.overdue, "next_due": depth.next_due, "oldest": depth.oldest,
                "tickets": overdue,
            }))?;
        } else {
            output::line(&in_words(depth));
            table(&overdue);
        }
        Ok(if depth.overdue == 0 { ExitCode::SUCCESS } else { ExitCode::from(OVERDUE) })
    }
}

struct Queue {
    store: Store,
    hitl: HitlQueue,
}

/// The queue as the configuration has it. Where notices come from is reached when they are first listened to.
async fn queue(config: &Config) -> anyhow::Result<Queue> {
    let store = compose::open_store(config).await?;
    let bus = compose::Queues::open(config, &SystemAmbient).await?.bus;
    Ok(Queue { hitl: HitlQueue::new(store.clone(), bus), store })
}

async fn campaign(store: &Store, slug: &str) -> anyhow::Result<chimera_domain::CampaignId> {
    super::campaign::named(&store.campaigns().await?, slug).map(|found| found.id)
}

/// One line on the whole queue.
fn in_words(depth: HitlDepth) -> String {
    if depth.open == 0 {
        return "nothing waits for a person".to_owned();
    }
    let at = |time: DateTime<Utc>| time.format("%F %H:%M UTC").to_string();
    let mut text = format!("{} for a person, {} overdue", counted(depth.open), depth.overdue);
    if let Some(due) = depth.next_due {
        text += &format!("; the next is due at {}", at(due));
    }
    if let Some(since) = depth.oldest {
        text += &format!("; the oldest waits since {}", at(since));
    }
    text
}

fn counted(open: u64) -> String {
    if open == 1 { "1 post waits".to_owned() } else { format!("{open} posts wait") }
}

fn table(tickets: &[HitlTicket]) {
    if tickets.is_empty() {
        return;
    }
    let rows = tickets.iter().map(|t| {
        let topics: Vec<_> = t.sensitive_topics.iter().map(|t| t.topic.clone()).collect();
        [
            t.id.to_string(),
            t.question.to_string(),
            t.confidence.to_string(),
            topics.join(", "),
            t.sla_expires_at.format("%F %H:%M UTC").to_string(),
            t.assigned_to.clone().unwrap_or_default(),
            t.reasoning_trace.clone(),
        ]
    });
    output::table(["ticket", "question", "confidence", "topics", "due", "in hand of", "reasoning"], rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_told_in_one_line() {
        assert_eq!(in_words(HitlDepth::default()), "nothing waits for a person");
        let due: DateTime<Utc> = "2026-11-22T12:20:30Z".parse().unwrap();
        let since = due - HitlTicket::SLA;
        let depth = HitlDepth { open: 3, overdue: 1, next_due: Some(due), oldest: Some(since) };
        assert_eq!(
            in_words(depth),
            "3 posts wait for a person, 1 overdue; the next is due at 2026-11-22 12:20 UTC; \
             the oldest waits since 2026-11-22 10:20 UTC"
        );
        let late = HitlDepth { open: 1, overdue: 1, next_due: None, oldest: None };
        assert_eq!(in_words(late), "1 post waits for a person, 1 overdue");
    }
}
