//! The trend spotter: what all planners read, grouped by subject and counted, by one process at a time.
//!
//! It reads signals from the database, not what this process happens to plan, so it costs planning nothing, sees what all
//! planners see, and begins anew wherever the duty goes: the first look reads as far back as the baseline reaches.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use chimera_domain::{
    Actor, Alert, AlertKind, Heat, SeenItem, Severity, SignalId, StateVersion, TenantId, Topics, Trend, TrendId,
    TrendMember, TrendState, one_line, sha256_parts,
};
use chimera_llm::Embedder;
use chimera_store::Duty;
use chimera_telemetry::{TREND_CHANGES, TRENDS_HOT};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use crate::{Planner, PlannerError, planner::number};

/// How long a signal may take from its time to its commit; what is committed later is not counted.
const COMMIT_MAX: TimeDelta = TimeDelta::minutes(5);
/// Signals read at once; of more the newest are counted.
const SIGNALS_MAX: u64 = 50_000;
/// How long the duty is held without a sign of life, at least.
const LEASE_MIN: Duration = Duration::from_secs(120);
/// Hot trends read when the duty is taken on.
const HOT_MAX: u64 = 1_000;
/// Characters of a label in an alert.
const LABEL_CHARS: usize = 120;

/// What the spotter knows. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spotting(Arc<Mutex<Option<Spotted>>>);

#[derive(Debug)]
struct Spotted {
    /// The duty's version under which this was gathered.
    duty: StateVersion,
    topics: Topics,
    /// Items that were counted, by resource and their own id, so that an edited one or one that several campaigns saw counts
    /// once; with their times.
    counted: HashMap<String, DateTime<Utc>>,
    /// Trends that last, by the first item of their subject.
    hot: BTreeMap<SignalId, Trend>,
    /// How far back anything counts.
    horizon: TimeDelta,
    read_to: DateTime<Utc>,
}

/// What one look brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrendReport {
    /// Items counted for the first time.
    pub items: usize,
    /// Trends that rose.
    pub risen: usize,
    /// Trends that are over.
    pub ended: usize,
}

impl Planner {
    /// A name of its own for the duty.
    pub(crate) fn name(&self) -> String {
        let [a, b, c, d, ..] = self.ambient.random();
        format!("planner-{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// Counts what was read since the last look and tells of trends that rise or are over. Nothing where trends are off, or
    /// while another process looks.
    ///
    /// # Errors
    /// [`PlannerError`] when the store fails; the next look counts what this one did not.
    pub async fn spot_trends(&self, owner: &str) -> Result<TrendReport, PlannerError> {
        let config = &self.config.trends;
        if config.window_minutes == 0 {
            return Ok(TrendReport::default());
        }
        let mut spotted = self.spotting.0.lock().await;
        let lease = Duration::from_millis(self.config.poll_interval_ms).saturating_mul(3).max(LEASE_MIN);
        let Some(duty) = self.store.duty_hold(Duty::Trends, owner, lease).await? else {
            *spotted = None;
            return Ok(TrendReport::default());
        };
        let now = self.ambient.now();
        let (mut at_hand, items) = match spotted.take().filter(|known| known.duty == duty) {
            Some(mut known) => {
                let items = self.count(&mut known).await?;
                (known, items)
            }
            None => self.begin_spotting(duty, now).await?,
        };
        let report = self.judge(&mut at_hand, now).await?;
        *spotted = Some(at_hand);
        Ok(TrendReport { items, ..report })
    }

    /// Reads what the window and the baseline hold, as if it had been looked at all the time.
    async fn begin_spotting(&self, duty: StateVersion, now: DateTime<Utc>) -> Result<(Spotted, usize), PlannerError> {
        let (rule, limits) = self.config.trends.rule();
        let horizon = rule.window + rule.baseline;
        let mut spotted = Spotted {
            duty,
            topics: Topics::new(rule, limits),
            horizon,
            counted: HashMap::new(),
            hot: BTreeMap::new(),
            read_to: now - horizon + COMMIT_MAX,
        };
        let items = self.count(&mut spotted).await?;
        for trend in self.store.trends(true, HOT_MAX).await? {
            let founder = SignalId::from_uuid(trend.id.as_uuid());
            let items: Vec<SignalId> = trend.members.iter().map(|member| member.signal_id).collect();
            if !spotted.topics.adopt(founder, &items) {
                tracing::info!(trend = %trend.id, "nothing is read of this trend any more");
            }
            spotted.hot.insert(founder, trend);
        }
        Ok((spotted, items))
    }

    /// Counts what was committed since the last time; how many items that were.
    async fn count(&self, spotted: &mut Spotted) -> Result<usize, PlannerError> {
        let embedder = Embedder::shared()?;
        let signals = self.store.signals_since(spotted.read_to - COMMIT_MAX, SIGNALS_MAX).await?;
        let mut items = 0;
        for signal in signals {
            spotted.topics.watch_since(signal.ingested_at);
            spotted.read_to = spotted.read_to.max(signal.ingested_at);
            let key = sha256_parts(&[signal.resource_uri.as_bytes(), signal.item.id.as_bytes()]);
            if spotted.counted.insert(key, signal.ingested_at).is_some() {
                continue;
            }
            items += 1;
            // Told when it was published; a feed that was added just now brings what is old.
            let at = signal.item.published_at.map_or(signal.ingested_at, |at| at.min(signal.ingested_at));
            let direction = embedder.embed(&signal.item.title).values().to_vec();
            let member = TrendMember {
                signal_id: signal.id,
                story_id: signal.story_id,
                resource_uri: signal.resource_uri,
                headline: signal.item.title,
                at,
            };
            spotted.topics.see(SeenItem { member, direction });
        }
        Ok(items)
    }

    /// Writes down and tells which subjects have become trends, and which are trends no more.
    async fn judge(&self, spotted: &mut Spotted, now: DateTime<Utc>) -> Result<TrendReport, PlannerError> {
        let oldest = now - spotted.horizon;
        spotted.counted.retain(|_, at| *at >= oldest);
        let (mut report, mut hot, mut changed, mut alerts) = (TrendReport::default(), BTreeMap::new(), vec![], vec![]);
        for heat in spotted.topics.judge(now) {
            let known = spotted.hot.remove(&heat.founder);
            let trend = self.trend(&heat, known.as_ref(), now);
            if heat.is_hot && known.is_none() {
                report.risen += 1;
                alerts.push(self.trend_alert(&trend));
            }
            if heat.is_hot {
                hot.insert(heat.founder, trend.clone());
            }
            if known.as_ref() != Some(&trend) {
                changed.push(trend);
            }
        }
        // What no subject stands for any more is over, too.
        let gone = std::mem::take(&mut spotted.hot).into_values();
        changed.extend(gone.map(|trend| Trend { state: TrendState::Over, ended_at: Some(now), ..trend }));
        report.ended = changed.iter().filter(|trend| trend.state == TrendState::Over).count();
        if !changed.is_empty() {
            self.store.trends_save(&changed, &alerts).await?;
        }
        let lasts = |subject: &str| hot.values().any(|trend: &Trend| trend.id.to_string() == subject);
        self.store.alerts_end(AlertKind::Trend, lasts, &Actor::recorded("planner")).await?;
        TRENDS_HOT.set(number(hot.len()));
        TREND_CHANGES.add_for("risen", report.risen);
        TREND_CHANGES.add_for("ended", report.ended);
        spotted.hot = hot;
        Ok(report)
    }

    fn trend(&self, heat: &Heat, known: Option<&Trend>, now: DateTime<Utc>) -> Trend {
        // A finer z would make every look a write.
        let [z, expected] = [heat.z, heat.expected].map(|value| (value * 100.0).round() / 100.0);
        Trend {
            id: TrendId::from_uuid(heat.founder.as_uuid()),
            tenant_id: known.map_or(TenantId::DEFAULT, |trend| trend.tenant_id),
            label: known.map_or_else(|| one_line(&heat.label, LABEL_CHARS), |trend| trend.label.clone()),
            state: if heat.is_hot { TrendState::Hot } else { TrendState::Over },
            items: heat.velocity.items,
            sources: heat.velocity.sources,
            expected,
            z,
            z_peak: known.map_or(z, |trend| trend.z_peak.max(z)),
            members: heat.members.clone(),
            began_at: known.map_or(now, |trend| trend.began_at),
            ended_at: (!heat.is_hot).then_some(now),
            state_version: known.map_or(StateVersion::FIRST, |trend| trend.state_version),
        }
    }

    fn trend_alert(&self, trend: &Trend) -> Alert {
        let message = format!(
            "\u{201c}{}\u{201d}: {} items from {} resources within {} minutes, where {:.1} were to be expected (z = {:.1}); \
             `chimera planner view-trends` shows them",
            trend.label, trend.items, trend.sources, self.config.trends.window_minutes, trend.expected, trend.z
        );
        let (kind, subject) = (AlertKind::Trend, trend.id.to_string());
        Alert::new(trend.tenant_id, kind, Severity::Info, subject, "trend_rises", message, &*self.ambient)
    }
}
