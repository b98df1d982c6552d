//! `chimera db prune`

use std::{process::ExitCode, str::FromStr};

use chimera_domain::Ambient as _;
use chimera_worker::{Cutoffs, Pruned, RetentionConfig, prunable, prune};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{cli::By, compose, config::Config, lifecycle, output, system::SystemAmbient};

/// Delete old rows and media that nobody needs any more.
#[derive(Debug, Args)]
#[command(
    after_help = "What goes: signals that came to nothing because they were not relevant or known already; tool \
    calls that cost nothing, of posts at an end; acknowledged alerts; and media that no post refers to. Posts, decisions, \
    money and the audit log stay, and so does every signal that was planned: its story is never planned twice. It may run \
    beside the fleet, and is logged in the audit log. `retention` in the configuration has the fleet do it by itself."
)]
pub(super) struct Prune {
    /// How old, such as 90d or 12w, 7d or more [default: what `retention` in the configuration says of each kind]
    #[arg(long, value_name = "AGE")]
    older_than: Option<Age>,
    /// Only this kind; may be given several times
    #[arg(long, value_name = "KIND")]
    only: Vec<Kind>,
    /// Say what would go, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
}

/// An age in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Age(u32);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} is no age: say days or weeks, such as 90d or 12w");
        let (number, days) = match text.strip_suffix('w') {
            Some(weeks) => (weeks, 7),
            None => (text.strip_suffix('d').ok_or_else(wanted)?, 1),
        };
        let days = number.parse().ok().and_then(|number: u32| number.checked_mul(days)).ok_or_else(wanted)?;
        let least = RetentionConfig::DAYS_MIN;
        if days < least { Err(format!("{text} is too young: {least}d is the least")) } else { Ok(Self(days)) }
    }
}

/// What can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Signals that came to nothing
    Signals,
    /// Tool calls that cost nothing
    ToolCalls,
    /// Acknowledged alerts
    Alerts,
    /// Media that no post refers to
    Media,
}

impl Prune {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let cutoffs = self.cutoffs(config)?;
        let store = compose::open_store(config).await?.acting_as(self.by.operator());
        let blobs = compose::blobs(config).await?;
        let gone = if self.dry_run {
            prunable(&store, &blobs, &cutoffs).await?
        } else {
            let pruning = prune(&store, &blobs, &cutoffs, config.retention.batch, &SystemAmbient);
            lifecycle::unless_interrupted(pruning, "what was deleted by then stays so; run it again for the rest")
                .await??
        };
        self.tell(&cutoffs, &gone)?;
        Ok(ExitCode::SUCCESS)
    }

    fn cutoffs(&self, config: &Config) -> anyhow::Result<Cutoffs> {
        let now = SystemAmbient.now();
        let mut cutoffs = match self.older_than {
            Some(Age(days)) => Cutoffs::all(days, now),
            None => Cutoffs::of(&config.retention, now),
        };
        if !self.only.is_empty() {
            let keep = |kind, before: &mut Option<_>| {
                if !self.only.contains(&kind) {
                    *before = None;
                }
            };
            keep(Kind::Signals, &mut cutoffs.signals);
            keep(Kind::ToolCalls, &mut cutoffs.tool_calls);
            keep(Kind::Alerts, &mut cutoffs.alerts);
            keep(Kind::Media, &mut cutoffs.media);
        }
        anyhow::ensure!(
            !cutoffs.is_nothing(),
            "the configuration keeps {} for ever (see `retention`), so there is nothing to delete; say how old with \
             --older-than, such as 90d",
            if self.only.is_empty() { "everything" } else { "that" }
        );
        Ok(cutoffs)
    }

    fn tell(&self, cutoffs: &Cutoffs, gone: &Pruned) -> anyhow::Result<()> {
        let each = [
            ("signals", cutoffs.signals, gone.signals),
            ("tool_calls", cutoffs.tool_calls, gone.tool_calls),
            ("alerts", cutoffs.alerts, gone.alerts),
            ("media", cutoffs.media, gone.files),
        ];
        let each = each.into_iter().filter_map(|(what, before, count)| before.map(|before| (what, before, count)));
        if self.json {
            let mut summary = serde_json::Map::new();
            for (what, before, count) in each {
                summary.insert(what.to_owned(), json!({"before": before, "count": count}));
            }
            output::json(&json!({"dry_run": self.dry_run, "pruned": summary, "media_bytes": gone.file_bytes}))?;
            return Ok(());
        }
        let column = if self.dry_run { "would go" } else { "deleted" };
        let rows =
            each.map(|(what, before, count)| [what.to_owned(), before.format("%F").to_string(), count.to_string()]);
        output::table(["what", "older than", column], rows);
        if self.dry_run {
            output::note("nothing was deleted");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_days_or_weeks_and_a_week_at_least() {
        assert_eq!("90d".parse(), Ok(Age(90)));
        assert_eq!("12w".parse(), Ok(Age(84)));
        for bad in ["", "d", "90", "90h", "-3d", "6d", "0w", "99999999999d", "1e3d"] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }
}
