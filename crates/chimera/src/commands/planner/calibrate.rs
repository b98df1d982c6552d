//! `chimera planner calibrate`

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use chimera_domain::{
    Ambient as _, Calibration, Campaign, MarkedSignal, Score, SignalMark,
    policy::calibration::{Example, Fit, fit, reliability, threshold_for},
};
use chimera_llm::{ItemText, PersonaBrief, Relevance};
use chimera_planner::score_raw;
use clap::Args;
use serde_json::{Value, json};

use super::SCORE_BATCH;
use crate::{
    cli::{By, Global, score},
    commands::{bins, campaign, lines},
    compose, output,
    system::SystemAmbient,
};

/// Marks that are taken into account, the latest.
const MARKS_MAX: u64 = 10_000;
/// Why examples of mistakes alone teach nothing.
const ONE_SIDED: &str = "Mark some that were scored right too, as many as come along, or hand in labelled lines";

/// Fit a campaign's scores to examples.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Whose scores
    #[arg(long, value_name = "SLUG")]
    campaign: String,
    /// More examples: JSON Lines as for `planner score`, each with `relevant` (true or false), or see --label
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Lines of --input are relevant when their `category` is this
    #[arg(long, value_name = "TEXT", requires = "input")]
    label: Option<String>,
    /// The share of relevant ones wanted among those that are taken, to tell the threshold for it
    #[arg(long, value_name = "SHARE", default_value = "0.75", value_parser = score)]
    precision: Score,
    /// Use the map from now on; without it nothing is written
    #[arg(long, conflicts_with_all = ["dry_run", "reset"])]
    apply: bool,
    /// Write nothing, which is what happens without --apply
    #[arg(long)]
    dry_run: bool,
    /// Use no map from now on
    #[arg(long, conflicts_with_all = ["input", "label", "dry_run"])]
    reset: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?.acting_as(self.by.operator());
        let campaign = campaign::named(&store.campaigns().await?, &self.campaign)?.clone();
        if self.reset {
            store.campaign_calibrate(campaign.id, campaign.state_version, None, SystemAmbient.now()).await?;
            output::note(&format!("{}: scores mean what the mind says", campaign.slug));
            return Ok(());
        }
        let marks = store.signals_marked(campaign.id, MARKS_MAX).await?;
        let contrary = marks.iter().filter(|marked| marked.contradicts()).count();
        let examples = self.examples(marks, &campaign)?;
        // A map that was fitted to mistakes alone would turn the scores round.
        let one_sided = 2 * contrary > examples.len();
        let (items, known): (Vec<ItemText>, Vec<bool>) = examples.into_iter().unzip();
        let (mind, choice) = compose::choose_mind(&config).await?;
        output::note(&choice);
        let agent = store.agents_by_ids(&campaign.agents).await?;
        let first = campaign.agents.first().and_then(|id| agent.iter().find(|agent| agent.id == *id));
        let persona = first.map(|agent| PersonaBrief::from(&agent.soul));
        let (scores, cost) = score_raw(&*mind, &campaign, persona.as_ref(), &items, SCORE_BATCH).await?;
        let models: BTreeSet<&str> = scores.iter().map(|(_, model)| model.as_str()).collect();
        anyhow::ensure!(
            models.len() <= 1,
            "several models answered, and each one's scores mean something else; try again when the first one answers"
        );
        let model = models.first().copied().unwrap_or_default().to_owned();
        let example =
            |((said, _), positive): (&(Relevance, String), &bool)| Example { score: said.score, positive: *positive };
        let raw: Vec<Example> = scores.iter().zip(&known).map(example).collect();
        let fit = fit(&raw)?;
        self.tell(&raw, &fit, &campaign, cost)?;
        if one_sided {
            output::note(&format!("{contrary} of {} examples are marks against the planner. {ONE_SIDED}", known.len()));
        }
        anyhow::ensure!(!(self.apply && one_sided), "not applied: {ONE_SIDED}");
        if self.apply && !self.dry_run {
            let calibration = Calibration {
                map: fit.map.clone(),
                method: fit.method,
                model,
                examples: u32::try_from(fit.examples).unwrap_or(u32::MAX),
                error_before: fit.error_before,
                error_after: fit.error_after,
                fitted_at: SystemAmbient.now(),
            };
            let version = campaign.state_version;
            store.campaign_calibrate(campaign.id, version, Some(&calibration), SystemAmbient.now()).await?;
            output::note(&format!("{}: applied; the threshold stays {}", campaign.slug, campaign.relevance_threshold));
        } else {
            output::note("nothing was written; --apply uses the map from now on");
        }
        Ok(())
    }

    /// What people said: marks, the campaign's own examples, and the lines of the file.
    fn examples(&self, marks: Vec<MarkedSignal>, campaign: &Campaign) -> anyhow::Result<Vec<(ItemText, bool)>> {
        let marked = marks.into_iter().map(|marked| {
            let item = marked.signal.item;
            (ItemText { title: item.title, summary: item.summary }, marked.mark == SignalMark::Up)
        });
        let own = |list: &[String], relevant: bool| -> Vec<(ItemText, bool)> {
            let text = |title: &String| (ItemText { title: title.clone(), summary: String::new() }, relevant);
            list.iter().map(text).collect()
        };
        let mut examples: Vec<(ItemText, bool)> = marked.collect();
        examples.extend(own(&campaign.terms.examples, true));
        examples.extend(own(&campaign.terms.counter_examples, false));
        if let Some(path) = &self.input {
            examples.extend(self.labelled(path)?);
        }
        Ok(examples)
    }

    fn labelled(&self, path: &Path) -> anyhow::Result<Vec<(ItemText, bool)>> {
        anyhow::ensure!(path != Path::new("-"), "--input is read twice, so it must be a file");
        let items = lines::read(path)?;
        let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
        let objects = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
        let mut labelled = Vec::with_capacity(items.len());
        for (item, line) in items.into_iter().zip(objects) {
            let line: Value = serde_json::from_str(line)?;
            let relevant = match &self.label {
                Some(label) => line.get("category").and_then(Value::as_str).map(|category| category == label),
                None => line.get("relevant").and_then(Value::as_bool),
            };
            let wanted = if self.label.is_some() { "`category`" } else { "`relevant`, which is true or false" };
            labelled.push((item, relevant.with_context(|| format!("{}: each line needs {wanted}", path.display()))?));
        }
        Ok(labelled)
    }

    fn tell(&self, raw: &[Example], fit: &Fit, campaign: &Campaign, cost: chimera_domain::Usd) -> anyhow::Result<()> {
        let (before, after) = (reliability(raw), reliability(&fit.held_out));
        let choice = threshold_for(&fit.held_out, self.precision);
        let at = |threshold: Score| fit.held_out.iter().filter(move |example| example.score >= threshold).count();
        if self.json {
            return output::json(&json!({
                "campaign": campaign.slug, "fit": fit, "reliability_before": before, "reliability_after": after,
                "wanted_precision": self.precision, "threshold": choice, "cost_usd": cost,
            }));
        }
        bins::show("as the mind says", &before);
        bins::show("as mapped, on examples that the map was not fitted to", &after);
        output::line(&bins::summary(fit));
        let threshold = campaign.relevance_threshold;
        output::line(&format!("at the campaign's threshold of {threshold}, {} of them would be taken", at(threshold)));
        output::line(&match choice {
            Some(choice) => format!(
                "for a precision of {}: a threshold of {:.3}, which takes {} at a precision of {} and a recall of {}",
                self.precision,
                choice.threshold.get(),
                choice.taken,
                choice.precision,
                choice.recall
            ),
            None => format!("no threshold has a precision of {}", self.precision),
        });
        Ok(())
    }
}
