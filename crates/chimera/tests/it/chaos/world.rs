//! What the fleet stands on: servers of its own, two campaigns with an agent each, feeds, and an unreliable platform.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use chimera_testkit::{TestDatabase, TestPostgres, TestRedis};

use super::{Plan, feed::Feeds};
use crate::{chimera::Chimera, dice::Dice, process::PATIENCE};

/// The persona that ships with the binary, under names of our own.
const FAE: &str = include_str!("../../../../../personas/fae/SOUL.md");
const GOAL: &str = "Find fresh fashion and beauty stories: new collections, street style, designers, runway looks, \
makeup, and clothes that are mended, second-hand or made to last";

/// A campaign: its own agent, its own feeds.
pub(super) struct Campaign {
    slug: &'static str,
    agent: &'static str,
    /// How many of the feeds are its own.
    feeds: usize,
}

/// The second one is paused and resumed all the time.
const CAMPAIGNS: [Campaign; 2] =
    [Campaign { slug: "steady", agent: "nova", feeds: 6 }, Campaign { slug: "fitful", agent: "vega", feeds: 2 }];
pub(super) const FITFUL: &str = CAMPAIGNS[1].slug;

/// Leases and rounds are short, so that what takes minutes in a fleet takes seconds here. Every kill costs the tasks in
/// hand a claim, so claims are many. Each call is made once: what a platform refuses or cuts off is the ledger's to settle.
/// Words and pictures cost money, half of what they may.
const CONFIG: &str = r#"
log: {filter: "info,sqlx=warn,sea_orm=warn,rmcp=warn,chimera_worker::sweeper=debug", format: json}
database: {connections_max: 5, statement_timeout_ms: 10000}
planner: {poll_interval_ms: 700, score_batch: 32}
worker: {concurrency: 2, lease_ms: 5000, retry: {attempts_max: 5, base_ms: 100, max_ms: 1000}}
judge: {lease_ms: 5000}
publisher: {concurrency: 4, lease_ms: 5000, attempts_max: 12, rest_base_ms: 200, rest_max_ms: 2000}
sweeper: {interval_ms: 500, waiting_ms: 2000, vanished_max: 60}
shutdown: {patience_ms: 10000}
studio: {concurrent_renders_max: 1}
mcp:
  retry: {attempts_max: 1}
  roles:
    generate_text:
      server: studio
      tool: generate_text
      cost: {fixed: "0.01"}
      arguments:
        character_reference_id: "{{character_reference_id}}"
        persona: "{{persona}}"
        goal: "{{goal}}"
        headline: "{{headline}}"
        summary: "{{summary}}"
        channel: "{{channel}}"
        text_chars_max: "{{text_chars_max}}"
        hashtags_max: "{{hashtags_max}}"
        correction: "{{correction?}}"
        seed: "{{seed}}"
        budget_usd: "{{budget_usd?}}"
    generate_image:
      server: studio
      tool: generate_image
      idempotent: true
      cost: {fixed: "0.04"}
      arguments:
        character_reference_id: "{{character_reference_id}}"
        headline: "{{headline}}"
        kicker: "{{persona_name}}"
        aspect: "{{aspect}}"
        seed: "{{seed}}"
"#;

/// The most that a post may cost: a fifth is for words, the rest for the picture.
const POST_BUDGET: &str = "0.10";
/// What the second agent may spend for each signal of the run, in hundredths of a cent: about half of what it could use.
const SCANT: usize = 25;

/// The servers, the folder and the feeds of a run.
pub(super) struct World {
    pub(super) chimera: Chimera,
    pub(super) postgres: TestPostgres,
    pub(super) database: TestDatabase,
    pub(super) redis: TestRedis,
}

impl World {
    /// Starts the servers and makes everything else but the processes.
    pub(super) fn new(plan: &Plan, dice: &mut Dice) -> (Self, Feeds) {
        let (postgres, redis) = (TestPostgres::start_durable().unwrap(), TestRedis::start().unwrap());
        let database = postgres.database().unwrap();
        let chimera = Chimera::new().on(&database.url, &redis.url());
        let count = CAMPAIGNS.iter().map(|campaign| campaign.feeds).sum();
        let feeds = Feeds::make(&chimera.data().join("feeds"), plan.signals, count, dice);
        chimera.file("configs/chimera.yaml", CONFIG);
        chimera.file("configs/fleet.yaml", &fleet(&chimera, &feeds, plan.signals));
        chimera.file("configs/platform.yaml", &platform(plan.seed));
        let world = Self { chimera, postgres, database, redis };
        let migrated = world.chimera.run(&["db", "migrate"]);
        assert!(migrated.ok, "{}", migrated.stderr);
        (world, feeds)
    }

    /// What a query gives, a line for each row; nothing while the database is away.
    pub(super) fn try_ask(&self, query: &str) -> Option<String> {
        self.postgres.query(&self.database, query).ok()
    }

    /// What a query gives, as soon as the database answers.
    pub(super) fn ask(&self, query: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.postgres.query(&self.database, query) {
                Ok(answer) => return answer,
                Err(error) if Instant::now() > until => panic!("{error:#}"),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The same, for a query that gives one number.
    pub(super) fn count(&self, query: &str) -> u64 {
        self.ask(query).parse().unwrap()
    }

    /// The same, for a query that gives texts.
    pub(super) fn rows(&self, query: &str) -> Vec<Vec<String>> {
        let split = |line: &str| line.split('|').map(str::to_owned).collect();
        self.ask(query).lines().map(split).collect()
    }
}

/// Two agents, of which the second runs out of money, and the campaigns.
fn fleet(chimera: &Chimera, feeds: &Feeds, signals: usize) -> String {
    let mut agents = String::from("agents:\n");
    let mut campaigns = String::from("campaigns:\n");
    let scant = format!("{}.{:04}", signals * SCANT / 10_000, signals * SCANT % 10_000);
    let mut uris = feeds.feeds.iter().map(super::feed::Feed::uri);
    for Campaign { slug, agent, feeds } in &CAMPAIGNS {
        let soul =
            FAE.replacen("name: Fae", &format!("name: {agent}"), 1).replacen("slug: fae", &format!("slug: {agent}"), 1);
        let soul = chimera.file(&format!("personas/{agent}.md"), &soul);
        let cap = if *slug == FITFUL { scant.clone() } else { "10000".to_owned() };
        agents += &format!(
            "  - {{soul: \"{}\", limits: {{max_daily_spend: \"{cap}\", max_tasks_per_hour: 100000}}}}\n",
            soul.display()
        );
        let watched: Vec<String> = uris.by_ref().take(*feeds).map(|uri| format!("\"{uri}\"")).collect();
        campaigns += &format!(
            "  - {{slug: {slug}, goal: \"{GOAL}\", agents: [{agent}], channels: [x], post_budget_usd: \"{POST_BUDGET}\", \
             resources: [{}]}}\n",
            watched.join(", ")
        );
    }
    agents + &campaigns
}

/// A platform that refuses one call of five for now, and of twenty posts hangs up on one that it has taken.
fn platform(seed: u64) -> String {
    format!(
        "
sandbox:
  faults:
    seed: {seed}
    tools:
      publish_post: {{rate_limited: 0.2, retry_after_ms: 300, cut_after: 0.05, latency: {{min_ms: 10, mean_extra_ms: 60, max_ms: 800}}}}
      find_post: {{rate_limited: 0.1, retry_after_ms: 100}}
"
    )
}

impl World {
    /// Keeps the folder and the database for a look at them; says where.
    pub(super) fn keep(self) -> (PathBuf, PathBuf) {
        (self.chimera.keep(), self.postgres.keep().unwrap())
    }
}
