//! Faults on purpose: how often, how badly, and exactly when.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SandboxTool, config::SandboxConfigError};
use crate::dice::Dice;

/// One thing that can go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer comes late, on top of nothing else.
    Delay {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// "Too many requests", like HTTP 429; nothing was done.
    RateLimited {
        /// When the caller may come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// "Try again", like HTTP 503; nothing was done.
    ServerError,
    /// The connection ends before anything was done.
    CutBefore,
    /// The connection ends after everything was done: the deed stands, the caller never hears of it.
    CutAfter,
}

/// How long calls take on top of the work itself, in real milliseconds: `min_ms` plus an exponential part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// At least so long.
    pub min_ms: u64,
    /// Mean of the exponential part.
    pub mean_extra_ms: u64,
    /// Never longer than this in all.
    pub max_ms: u64,
}

/// How often each thing goes wrong. The probabilities exclude each other, so their sum is at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolFaults {
    /// How long calls take.
    pub latency: Latency,
    /// Probability of "too many requests".
    pub rate_limited: f64,
    /// What a rate-limited caller is told to wait, in milliseconds.
    pub retry_after_ms: u64,
    /// Probability of a server error.
    pub server_error: f64,
    /// Probability that the connection ends before anything was done.
    pub cut_before: f64,
    /// Probability that the connection ends after everything was done.
    pub cut_after: f64,
}

impl Default for ToolFaults {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            rate_limited: 0.0,
            retry_after_ms: 1_000,
            server_error: 0.0,
            cut_before: 0.0,
            cut_after: 0.0,
        }
    }
}

/// "Fail the n-th call with this."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptedFault {
    /// Which tool.
    pub tool: SandboxTool,
    /// Which of its calls, counted from 1 over the life of the file: a restart doesn't begin anew.
    pub call: u64,
    /// What goes wrong.
    pub fault: Fault,
}

/// Everything that goes wrong. Empty by default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Seed: the n-th call of a tool always meets the same fate.
    pub seed: u64,
    /// For every tool that has no entry of its own.
    pub all: ToolFaults,
    /// For single tools, instead of `all`.
    pub tools: BTreeMap<SandboxTool, ToolFaults>,
    /// Exact faults; they go before the probabilities.
    pub script: Vec<ScriptedFault>,
}

/// What one call has coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fate {
    /// How long it waits first.
    pub(super) latency: Duration,
    /// What goes wrong then.
    pub(super) fault: Option<Fault>,
}

impl FaultPlan {
    /// Whether calls of this tool need counting at all.
    pub(super) fn concerns(&self, tool: SandboxTool) -> bool {
        self.of(tool) != ToolFaults::default() || self.script.iter().any(|entry| entry.tool == tool)
    }

    /// What the call numbered `call` (from 1) of this tool has coming; the same every time.
    pub(super) fn fate(&self, tool: SandboxTool, call: u64) -> Fate {
        let odds = self.of(tool);
        let mut dice = Dice::from_names(self.seed, &["fault", tool.as_str(), &call.to_string()]);
        let latency = odds.latency.draw(&mut dice);
        let drawn = odds.draw(&mut dice);
        let scripted = self.script.iter().find(|entry| entry.tool == tool && entry.call == call).map(|s| s.fault);
        match scripted {
            Some(Fault::Delay { ms }) => Fate { latency: latency + Duration::from_millis(ms), fault: None },
            scripted => Fate { latency, fault: scripted.or(drawn) },
        }
    }

    pub(super) fn validate(&self) -> Result<(), SandboxConfigError> {
        self.all.validate("all")?;
        self.tools.iter().try_for_each(|(tool, odds)| odds.validate(tool.as_str()))?;
        self.script
            .iter()
            .find(|entry| entry.call == 0)
            .map_or(Ok(()), |entry| Err(SandboxConfigError::CallZero { tool: entry.tool }))
    }

    fn of(&self, tool: SandboxTool) -> ToolFaults {
        self.tools.get(&tool).copied().unwrap_or(self.all)
    }
}

impl Latency {
    fn draw(self, dice: &mut Dice) -> Duration {
        // The inverse of the exponential distribution; `1 - unit` is never 0, so the logarithm is finite.
        let extra = self.mean_extra_ms as f64 * -(1.0 - dice.unit()).ln();
        let wanted = Duration::from_millis(self.min_ms) + Duration::from_secs_f64(extra / 1_000.0);
        wanted.min(Duration::from_millis(self.max_ms))
    }
}

impl ToolFaults {
    fn draw(self, dice: &mut Dice) -> Option<Fault> {
        let mut left = dice.unit();
        let odds = [
            (self.rate_limited, Fault::RateLimited { retry_after_ms: self.retry_after_ms }),
            (self.server_error, Fault::ServerError),
            (self.cut_before, Fault::CutBefore),
            (self.cut_after, Fault::CutAfter),
        ];
        for (probability, fault) in odds {
            if left < probability {
                return Some(fault);
            }
            left -= probability;
        }
        None
    }

    fn validate(self, place: &'static str) -> Result<(), SandboxConfigError> {
        let odds = [
            ("rate_limited", self.rate_limited),
            ("server_error", self.server_error),
            ("cut_before", self.cut_before),
            ("cut_after", self.cut_after),
        ];
        if let Some((key, value)) = odds.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(SandboxConfigError::Probability { place, key, value });
        }
        let sum = odds.iter().map(|(_, value)| value).sum::<f64>();
        if sum > 1.0 + f64::EPSILON {
            return Err(SandboxConfigError::Sum { place, sum });
        }
        let Latency { min_ms, max_ms, .. } = self.latency;
        // An upper bound left at 0 beside a lower one would silently mean "no latency".
        if min_ms > max_ms { Err(SandboxConfigError::Latency { place, min_ms, max_ms }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: SandboxTool = SandboxTool::PublishPost;

    fn plan() -> FaultPlan {
        let odds = ToolFaults {
            latency: Latency { min_ms: 10, mean_extra_ms: 20, max_ms: 90 },
            rate_limited: 0.2,
            server_error: 0.1,
            cut_before: 0.1,
            cut_after: 0.1,
            ..ToolFaults::default()
        };
        FaultPlan { seed: 5, tools: BTreeMap::from([(TOOL, odds)]), ..FaultPlan::default() }
    }

    #[test]
    fn faults_come_as_often_as_told_and_the_same_every_time() {
        let fates = (1..=4_000).map(|call| plan().fate(TOOL, call)).collect::<Vec<_>>();
        assert_eq!(fates, (1..=4_000).map(|call| plan().fate(TOOL, call)).collect::<Vec<_>>());
        let count = |fault| fates.iter().filter(|fate| fate.fault == fault).count();
        assert!((700..900).contains(&count(Some(Fault::RateLimited { retry_after_ms: 1_000 }))));
        assert!((330..470).contains(&count(Some(Fault::ServerError))));
        assert!((330..470).contains(&count(Some(Fault::CutBefore))));
        assert!((330..470).contains(&count(Some(Fault::CutAfter))));
        assert!((1_900..2_100).contains(&count(None)));
        assert!(fates.iter().all(|fate| (10..=90).contains(&fate.latency.as_millis())));
    }

    #[test]
    fn a_script_goes_before_the_dice_and_names_one_call() {
        let script = vec![ScriptedFault { tool: TOOL, call: 3, fault: Fault::CutAfter }];
        let plan = FaultPlan { script, ..FaultPlan::default() };
        assert_eq!(plan.fate(TOOL, 3).fault, Some(Fault::CutAfter));
        assert_eq!(plan.fate(TOOL, 2), Fate::default());
        assert_eq!(plan.fate(SandboxTool::FindPost, 3), Fate::default());
    }

    #[test]
    fn only_tools_with_faults_are_counted() {
        assert!(plan().concerns(TOOL));
        assert!(!plan().concerns(SandboxTool::FindPost));
        assert!(!FaultPlan::default().concerns(TOOL));
    }
}
