//! `chimera judge calibrate`

use std::collections::HashMap;

use chimera_domain::{
    Ambient as _, CampaignId, Score,
    policy::{
        RoutingThresholds,
        calibration::{Fit, ReliabilityBin, SafeThreshold, examples_needed, reliability, safe_above, safe_below},
    },
};
use chimera_judge::{Fitted, Lessons, Maps, Routed, fitted, mapped};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{By, Global, score},
    commands::{bins, campaign},
    compose, output,
    system::SystemAmbient,
};

/// Answers that are taken into account, the latest.
const REVIEWS_MAX: u64 = 10_000;

/// Fit the judge's confidence to what people decided.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Show this campaign's table instead of everybody's; maps are fitted for all in any case
    #[arg(long, value_name = "SLUG")]
    campaign: Option<String>,
    /// The share of wrong ones that is bearable among posts that no person sees, to tell the thresholds for it
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = score)]
    error_rate: Score,
    /// Use the maps from now on; without it nothing is written
    #[arg(long, conflicts_with = "reset")]
    apply: bool,
    /// Use no maps from now on
    #[arg(long)]
    reset: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
}

/// One map, as it is told.
#[derive(Debug, Serialize)]
struct Told<'a> {
    /// Whose it is; absent for everybody's.
    campaign: Option<&'a str>,
    decisions: usize,
    /// Whether it is to be used.
    used: bool,
    fit: Option<&'a Fit>,
    /// Why there is none.
    cold_start: Option<String>,
    reliability_before: Vec<ReliabilityBin>,
    reliability_after: Vec<ReliabilityBin>,
}

/// What the maps would do, beside what is done without them.
#[derive(Debug, Serialize)]
struct Outlook {
    thresholds: RoutingThresholds,
    as_it_is: Routed,
    calibrated: Routed,
    wanted_error_rate: Score,
    publish_from: Option<SafeThreshold>,
    reject_below: Option<SafeThreshold>,
    /// Decided posts whose confidence was so high that they go out without a person: of what lies there, little is known.
    decided_beyond_publish: usize,
    /// The same of those that are rejected without a person.
    decided_beyond_reject: usize,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?.acting_as(self.by.operator());
        let now = SystemAmbient.now();
        if self.reset {
            let changed = store.judge_calibrate(&Maps::new(), now).await?;
            output::note(&format!("{changed} maps are used no more; the judge's confidence is as it is combined"));
            return Ok(());
        }
        let campaigns = store.campaigns().await?;
        let shown = self.campaign.as_ref().map(|slug| campaign::named(&campaigns, slug)).transpose()?.map(|one| one.id);
        let slugs: HashMap<CampaignId, &str> = campaigns.iter().map(|one| (one.id, one.slug.as_str())).collect();
        let lessons = Lessons::of(&store.reviews(REVIEWS_MAX).await?);
        let fits = fitted(&lessons);
        let opinion_of = lessons.opinion_of.as_deref().unwrap_or_default();
        let calibration = |one: &Fitted| Some((one.campaign, one.calibration(opinion_of, now)?));
        let maps: Maps = fits.iter().filter_map(calibration).collect();
        let outlook = self.outlook(&lessons, &maps, config.judge.thresholds);
        let told: Vec<Told<'_>> = fits.iter().map(|one| told(one, &slugs)).collect();
        if self.json {
            output::json(&json!({
                "opinion_of": lessons.opinion_of, "left_out": lessons.left_out, "maps": told, "outlook": outlook,
            }))?;
        } else {
            output::line(&origin(&lessons));
            let at = shown.and_then(|id| fits.iter().position(|one| one.campaign == Some(id)));
            match told.get(at.unwrap_or(0)) {
                Some(one) if shown.is_none() || at.is_some() => show(one),
                _ => output::line("cold start: no decision on this campaign's posts teaches anything yet"),
            }
            show_all(&told);
            outlook.show();
        }
        if !self.apply {
            output::note("nothing was written; --apply uses these maps from now on");
        } else if maps.is_empty() {
            anyhow::bail!("there is no map to use: people have decided too little yet");
        } else {
            let changed = store.judge_calibrate(&maps, now).await?;
            output::note(&format!(
                "applied: {changed} maps changed; thresholds are set in the configuration (judge.thresholds)"
            ));
        }
        Ok(())
    }

    fn outlook(&self, lessons: &Lessons, maps: &Maps, thresholds: RoutingThresholds) -> Outlook {
        let raw = mapped(lessons, &Maps::new());
        let calibrated = mapped(lessons, maps);
        Outlook {
            as_it_is: Routed::by(&thresholds, &raw),
            calibrated: Routed::by(&thresholds, &calibrated),
            wanted_error_rate: self.error_rate,
            publish_from: safe_above(&calibrated, self.error_rate),
            reject_below: safe_below(&calibrated, self.error_rate),
            decided_beyond_publish: raw.iter().filter(|one| one.score >= thresholds.auto_publish).count(),
            decided_beyond_reject: raw.iter().filter(|one| one.score < thresholds.reject).count(),
            thresholds,
        }
    }
}

fn told<'a>(one: &'a Fitted, slugs: &HashMap<CampaignId, &'a str>) -> Told<'a> {
    let fit = one.fit.as_ref().ok();
    Told {
        campaign: one.campaign.map(|id| slugs.get(&id).copied().unwrap_or("a campaign that is gone")),
        decisions: one.examples.len(),
        used: one.used,
        fit,
        cold_start: one.fit.as_ref().err().map(ToString::to_string),
        reliability_before: reliability(&one.examples),
        reliability_after: fit.map(|fit| reliability(&fit.held_out)).unwrap_or_default(),
    }
}

fn origin(lessons: &Lessons) -> String {
    let left = lessons.left_out;
    let about = lessons.opinion_of.as_deref().unwrap_or("no mind");
    format!(
        "{} decisions on opinions of {about}; left out: {} on sensitive topics, {} held for another reason, {} on another \
         mind's opinions",
        lessons.examples.len(),
        left.sensitive,
        left.flagged,
        left.other_opinion
    )
}

fn show(one: &Told<'_>) {
    bins::show("confidence as it is combined, beside how often people let such posts go out", &one.reliability_before);
    let Some(fit) = one.fit else {
        output::line(&format!("cold start: {}", one.cold_start.as_deref().unwrap_or_default()));
        return;
    };
    bins::show("calibrated, on decisions that the map was not fitted to", &one.reliability_after);
    output::line(&format!("{}: {}", one.campaign.unwrap_or("all campaigns"), bins::summary(fit)));
}

fn show_all(told: &[Told<'_>]) {
    let rows = told.iter().map(|one| {
        let figures = one.fit.map(|fit| {
            (fit.method.to_string(), format!("{:.3} -> {:.3}", fit.error_before.get(), fit.error_after.get()))
        });
        let (method, error) = figures.unwrap_or_else(|| ("cold start".to_owned(), String::new()));
        let map = match (one.used, one.campaign) {
            (true, _) => "its own",
            (false, Some(_)) if told.first().is_some_and(|all| all.used) => "everybody's",
            (false, _) => "none",
        };
        [one.campaign.unwrap_or("(all)").to_owned(), one.decisions.to_string(), method, error, map.to_owned()]
    });
    output::table(["campaign", "decisions", "method", "calibration error", "map"], rows);
}

impl Outlook {
    fn show(&self) {
        let row = |name: &str, routed: &Routed| {
            [
                name.to_owned(),
                format!("{} ({} wrong)", routed.published, routed.published_wrong),
                routed.asked.to_string(),
                format!("{} ({} wrong)", routed.rejected, routed.rejected_wrong),
            ]
        };
        let RoutingThresholds { auto_publish, reject } = self.thresholds;
        output::line(&format!("these posts at thresholds of {auto_publish} and {reject}:"));
        output::table(
            ["", "published alone", "put before a person", "rejected alone"],
            [row("as it is", &self.as_it_is), row("calibrated", &self.calibrated)],
        );
        let needed = examples_needed(self.wanted_error_rate);
        let promise = |what: &str, found: Option<SafeThreshold>| match found {
            Some(found) => format!(
                "{what}: {:.4}, for an error rate of {} at most, with 95 % confidence ({} wrong of {})",
                found.threshold.get(),
                self.wanted_error_rate,
                found.wrong,
                found.taken
            ),
            None => format!(
                "{what}: no threshold can be promised for an error rate of {}; that takes {needed} decisions beyond it at \
                 least, none of them wrong, or more with few",
                self.wanted_error_rate
            ),
        };
        output::line(&promise("judge.thresholds.auto_publish", self.publish_from));
        output::line(&promise("judge.thresholds.reject", self.reject_below));
        for (count, beyond, raise) in [
            (self.decided_beyond_publish, "published", "auto_publish to 1.0"),
            (self.decided_beyond_reject, "rejected", "reject to 0.0"),
        ] {
            if count == 0 {
                output::line(&format!(
                    "no post that is {beyond} alone was ever decided by a person, so nothing is known of such posts; set \
                     {raise} for a while to learn"
                ));
            }
        }
    }
}
