//! `chimera cfo`: the money of the day.

use std::{collections::HashMap, process::ExitCode, time::Duration};

use anyhow::Context as _;
use chimera_bus::{RedisSpend, Spend, SpendError};
use chimera_domain::{Agent, AgentId, Ambient as _, EntryState, LedgerEntry, SpendUse, Usd, error_chain};
use chimera_store::{SpendCheck, Store};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    cli::Global,
    compose::{self, Queues},
    config::Config,
    output,
    system::SystemAmbient,
};

/// Budgets and the spend ledger.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What each agent may spend today, has spent and set aside, and whether ledger, records and counters agree. Ends with
    /// 1 when they don't
    CheckBudget {
        /// Only the agent with this slug
        #[arg(long, value_name = "SLUG")]
        agent: Option<String>,
        /// How long the counters may take to hear of what is being written
        #[arg(long, default_value_t = 3, value_name = "SECONDS")]
        within: u16,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List what was set aside and spent, newest first
    ViewLedger {
        /// Only the agent with this slug
        #[arg(long, value_name = "SLUG")]
        agent: Option<String>,
        /// Only entries that stand so: OPEN, SETTLED, RELEASED or PRESUMED
        #[arg(long)]
        state: Option<EntryState>,
        /// Of the last so many hours; what is still open is listed however old it is
        #[arg(long, default_value_t = 24, value_name = "N")]
        hours: u32,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        match self.command {
            Command::CheckBudget { agent, within, json } => {
                let agents = agents(&store, agent.as_deref()).await?;
                let patience = Duration::from_secs(within.into());
                let budgets = check_budgets(&config, &store, &agents, patience).await?;
                if json {
                    output::json(&budgets)?
                } else {
                    show(&budgets)
                }
                let agree = budgets.iter().all(|budget| budget.agree);
                Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Command::ViewLedger { agent, state, hours, limit, json } => {
                let agents = agents(&store, agent.as_deref()).await?;
                let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
                let since = SystemAmbient.now() - chrono::Duration::hours(hours.into());
                let entries = store.spend_entries(&ids, since, state, Some(limit)).await?;
                if json {
                    output::json(&entries)?
                } else {
                    list(&agents, entries)
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn agents(store: &Store, slug: Option<&str>) -> anyhow::Result<Vec<Agent>> {
    let Some(slug) = slug else { return Ok(store.agents().await?) };
    let agent = store.agent_by_slug(slug).await?;
    Ok(vec![agent.with_context(|| format!("there is no agent {slug}; `chimera status` lists them"))?])
}

/// What the quick counters say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Counters {
    /// They lie in another process; nobody else can ask them.
    InProcess,
    /// Nobody has started them, as nothing was spent; or they were just lost.
    NotStarted,
    /// They can't be asked.
    Unreachable(String),
    /// They say this.
    Say(SpendUse),
}

/// One agent's money.
#[derive(Debug, Serialize)]
struct Budget {
    agent: String,
    agent_id: AgentId,
    max_daily_spend: Usd,
    max_hourly_spend: Option<Usd>,
    /// What the daily cap leaves; below zero when it was lowered, or tools cost more than had been set aside.
    left_today: Usd,
    #[serde(flatten)]
    check: SpendCheck,
    counters: Counters,
    /// Ledger, records and counters say the same, to the millionth of a dollar.
    agree: bool,
}

impl Budget {
    fn new(agent: &Agent, check: SpendCheck, counters: Counters) -> Self {
        let limits = agent.governor_limits;
        let counters_agree = match &counters {
            Counters::InProcess => true,
            Counters::NotStarted => check.used == SpendUse::default(),
            Counters::Unreachable(_) => false,
            Counters::Say(used) => *used == check.used,
        };
        Self {
            agent: agent.persona_slug.clone(),
            agent_id: agent.id,
            max_daily_spend: limits.max_daily_spend,
            max_hourly_spend: limits.max_hourly_spend,
            left_today: limits.max_daily_spend.saturating_sub(check.used.today),
            check,
            agree: check.is_in_order() && counters_agree,
            counters,
        }
    }
}

/// Between two looks at counters that disagree.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Asks until all agree, or patience ends: a fleet at work writes the ledger first and tells the counters then.
async fn check_budgets(
    config: &Config,
    store: &Store,
    agents: &[Agent],
    patience: Duration,
) -> anyhow::Result<Vec<Budget>> {
    let counters = Queues::open(config, &SystemAmbient).await?.link.map(RedisSpend::new);
    let until = tokio::time::Instant::now() + patience;
    loop {
        let budgets = budgets(store, agents, counters.as_ref()).await?;
        if budgets.iter().all(|budget| budget.agree) || tokio::time::Instant::now() >= until {
            return Ok(budgets);
        }
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
}

async fn budgets(store: &Store, agents: &[Agent], counters: Option<&RedisSpend>) -> anyhow::Result<Vec<Budget>> {
    let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
    let now = SystemAmbient.now();
    let mut checks = store.spend_check(&ids, now).await?;
    let mut budgets = Vec::with_capacity(agents.len());
    for agent in agents {
        let said = match counters {
            None => Counters::InProcess,
            Some(counters) => match counters.used(agent.id, now).await {
                Ok(used) => Counters::Say(used),
                Err(SpendError::NotStarted { .. }) => Counters::NotStarted,
                Err(error) => Counters::Unreachable(error_chain(&error)),
            },
        };
        budgets.push(Budget::new(agent, checks.remove(&agent.id).unwrap_or_default(), said));
    }
    Ok(budgets)
}

fn show(budgets: &[Budget]) {
    let counters = |budget: &Budget| match &budget.counters {
        Counters::InProcess => "in process".to_owned(),
        Counters::NotStarted => "not started".to_owned(),
        Counters::Unreachable(error) => error.clone(),
        Counters::Say(used) => format!("${}", used.today),
    };
    let rows = budgets.iter().map(|budget| {
        let check = &budget.check;
        [
            budget.agent.clone(),
            format!("${}", budget.max_daily_spend),
            format!("${}", check.settled),
            format!("${}", check.presumed),
            format!("${}", check.open),
            format!("${}", budget.left_today),
            format!("${}", check.planned),
            counters(budget),
            format!("${} of ${}", check.recorded_cost, check.ledger_cost),
            if budget.agree { "yes" } else { "NO" }.to_owned(),
        ]
    });
    let headings =
        ["agent", "daily cap", "spent", "presumed", "open", "left", "planned", "counters", "on record", "agree"];
    output::table(headings, rows);
    if budgets.iter().any(|budget| !budget.agree) {
        output::note(
            "A role that runs starts counters from the ledger within seconds, when they are off or missing; a ledger that \
             differs from the records is a fault to report, with `chimera cfo view-ledger --json`.",
        );
    }
}

fn list(agents: &[Agent], entries: Vec<LedgerEntry>) {
    if entries.is_empty() {
        output::line("nothing was set aside or spent");
        return;
    }
    let slugs: HashMap<AgentId, &str> = agents.iter().map(|agent| (agent.id, agent.persona_slug.as_str())).collect();
    let rows = entries.into_iter().map(|entry| {
        [
            entry.reserved_at.format("%F %H:%M:%S UTC").to_string(),
            slugs.get(&entry.agent_id).copied().unwrap_or_default().to_owned(),
            entry.purpose,
            entry.state.to_string(),
            format!("${}", entry.reserved),
            format!("${}", entry.cost),
            format!("${}", entry.counted),
            entry.trace_id.map(|trace| trace.to_string()).unwrap_or_default(),
        ]
    });
    output::table(["when", "agent", "for", "state", "set aside", "cost", "counts", "trace"], rows);
}
