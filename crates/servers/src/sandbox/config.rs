//! Configuration of the sandbox.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SandboxTool, faults::FaultPlan};

/// How the sandbox behaves. Every key has a default; an unknown key is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// The SQLite file; it and its folder are created when missing. Several processes may share it.
    pub path: PathBuf,
    /// Seed of the audience: the same seed and content always get the same likes and comments.
    pub seed: u64,
    /// Simulated seconds per real second, for the audience only. 1 is real time, 3600 makes a second an hour, 0 stops.
    pub time_scale: f64,
    /// Whether an idempotency key that was seen before returns the first post. `false` makes a platform that doubles.
    pub honours_idempotency_key: bool,
    /// Whether the idempotency key is the post's id that its client chose, as on platforms where clients name their records:
    /// another post under it is refused as taken, not answered, whatever its content, and even when the first was deleted.
    pub client_chosen_ids: bool,
    /// Whether a machine-made post without a label that says so is refused.
    pub require_ai_label: bool,
    /// What goes wrong, and how often.
    pub faults: FaultPlan,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("sandbox.sqlite"),
            seed: 0,
            time_scale: 1.0,
            honours_idempotency_key: true,
            client_chosen_ids: false,
            require_ai_label: true,
            faults: FaultPlan::default(),
        }
    }
}

/// A configuration that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SandboxConfigError {
    /// Time can't run backwards or without bounds.
    #[error("time_scale is {value}; give a number from 0 (time stands still) to 1000000000")]
    TimeScale {
        /// What was given.
        value: f64,
    },
    /// Not a probability.
    #[error("faults: {key} of {place} is {value}; a probability lies between 0 and 1")]
    Probability {
        /// Whose fault it is: `all` or a tool's name.
        place: &'static str,
        /// Which of its probabilities.
        key: &'static str,
        /// What was given.
        value: f64,
    },
    /// More faults than calls.
    #[error("faults: the probabilities of {place} add up to {sum}; lower them until the sum is at most 1")]
    Sum {
        /// Whose faults they are.
        place: &'static str,
        /// Their sum.
        sum: f64,
    },
    /// The bounds of the latency are the wrong way round.
    #[error("faults: latency of {place} has min_ms {min_ms} above max_ms {max_ms}; swap them")]
    Latency {
        /// Whose latency it is.
        place: &'static str,
        /// The lower bound.
        min_ms: u64,
        /// The upper bound.
        max_ms: u64,
    },
    /// Calls are counted from 1.
    #[error("faults: the script names call 0 of {tool}; the first call is number 1")]
    CallZero {
        /// Of which tool.
        tool: SandboxTool,
    },
}

impl SandboxConfig {
    /// The fastest that simulated time may run.
    pub const TIME_SCALE_MAX: f64 = 1e9;

    /// Whether a repeated key never makes a second post.
    #[must_use]
    pub const fn keeps_posts_single(&self) -> bool {
        self.honours_idempotency_key || self.client_chosen_ids
    }

    /// Checks what types alone can't.
    ///
    /// # Errors
    /// Names the first key that makes no sense and what would.
    pub fn validate(&self) -> Result<(), SandboxConfigError> {
        if !(0.0..=Self::TIME_SCALE_MAX).contains(&self.time_scale) {
            return Err(SandboxConfigError::TimeScale { value: self.time_scale });
        }
        self.faults.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::faults::{Fault, Latency, ScriptedFault, ToolFaults};

    #[test]
    fn an_empty_configuration_is_the_default_and_an_unknown_key_is_named() {
        assert_eq!(serde_json::from_str::<SandboxConfig>("{}").unwrap(), SandboxConfig::default());
        let error = serde_json::from_str::<SandboxConfig>(r#"{"tiem_scale": 2}"#).unwrap_err();
        assert!(error.to_string().contains("tiem_scale"));
    }

    #[test]
    fn faults_are_written_as_one_would_expect() {
        let config = serde_json::from_value::<SandboxConfig>(serde_json::json!({
            "path": "x.sqlite", "seed": 4,
            "faults": {
                "seed": 9,
                "all": {"latency": {"min_ms": 5, "mean_extra_ms": 10, "max_ms": 200}},
                "tools": {"publish_post": {"rate_limited": 0.1, "cut_after": 0.05}},
                "script": [{"tool": "publish_post", "call": 2, "fault": {"kind": "rate_limited", "retry_after_ms": 50}}]
            }
        }))
        .unwrap();
        config.validate().unwrap();
        assert_eq!(config.faults.script[0].fault, Fault::RateLimited { retry_after_ms: 50 });
        let back = serde_json::from_str::<SandboxConfig>(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(back, config);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let with = |faults| SandboxConfig { faults, ..SandboxConfig::default() }.validate();
        let all = |all| with(FaultPlan { all, ..FaultPlan::default() });
        assert!(matches!(
            all(ToolFaults { cut_after: 1.5, ..ToolFaults::default() }),
            Err(SandboxConfigError::Probability { key: "cut_after", place: "all", .. })
        ));
        assert!(matches!(
            all(ToolFaults { cut_after: 0.6, server_error: 0.6, ..ToolFaults::default() }),
            Err(SandboxConfigError::Sum { .. })
        ));
        let latency = Latency { min_ms: 9, mean_extra_ms: 0, max_ms: 3 };
        assert!(matches!(
            all(ToolFaults { latency, ..ToolFaults::default() }),
            Err(SandboxConfigError::Latency { .. })
        ));
        let script = vec![ScriptedFault { tool: SandboxTool::Reply, call: 0, fault: Fault::CutAfter }];
        assert!(matches!(
            with(FaultPlan { script, ..FaultPlan::default() }),
            Err(SandboxConfigError::CallZero { tool: SandboxTool::Reply })
        ));
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            let config = SandboxConfig { time_scale: value, ..SandboxConfig::default() };
            assert!(matches!(config.validate(), Err(SandboxConfigError::TimeScale { .. })), "{value}");
        }
    }
}
