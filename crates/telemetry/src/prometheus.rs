//! Metrics as Prometheus text.

use std::borrow::Cow;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::{BUILD_INFO, CATALOGUE, Kind, Metric, PROCESS_START};

/// Metrics can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// They were set up before.
    #[error("metrics are already set up in this process")]
    AlreadySetUp(#[source] metrics::SetRecorderError<PrometheusRecorder>),
    /// The buckets of a histogram make no sense: a defect.
    #[error("the buckets of a histogram make no sense")]
    Buckets(#[source] BuildError),
}

/// What this process has counted since it was started.
#[derive(Clone)]
pub struct Prometheus {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

impl Prometheus {
    /// Counts from now on, for the whole process. `started_unix_s` is when the process started.
    ///
    /// # Errors
    /// [`PrometheusError`], mostly because that was done before.
    pub fn install(version: &'static str, started_unix_s: f64) -> Result<Self, PrometheusError> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(PrometheusError::AlreadySetUp)?;
        begin();
        BUILD_INFO.set_for(version, 1.0);
        PROCESS_START.set(started_unix_s);
        Ok(Self { handle })
    }

    /// What was counted, as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.tidy();
        self.handle.render()
    }

    /// Adds what was observed to its histograms. Until then every observation takes a few bytes: to be called now and then
    /// while nobody asks for [`Self::render`].
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }
}

/// Describes what this process counts, and begins it at 0.
fn begin() {
    CATALOGUE.iter().filter(|metric| !metric.kept_elsewhere).for_each(Metric::describe);
}

/// What counts and renders, with the buckets of every histogram.
fn recorder() -> Result<PrometheusRecorder, PrometheusError> {
    let histograms = CATALOGUE.iter().filter(|metric| metric.kind == Kind::Histogram);
    let builder = histograms.into_iter().try_fold(PrometheusBuilder::new(), |builder, metric| {
        builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &metric.buckets_s())
    });
    Ok(builder.map_err(PrometheusError::Buckets)?.build_recorder())
}

/// What was read for one answer only: what can't be read is absent then, instead of stale.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings(Vec<(Metric, Option<Cow<'static, str>>, f64)>);

impl Readings {
    /// A reading of a gauge, or of a counter that somebody else keeps, without a label.
    pub fn put(&mut self, metric: Metric, value: f64) {
        self.0.push((metric, None, value));
    }

    /// A reading with this value of the label.
    pub fn put_for(&mut self, metric: Metric, label: impl Into<Cow<'static, str>>, value: f64) {
        self.0.push((metric, Some(label.into()), value));
    }

    /// Takes others in.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The readings, as text.
    #[must_use]
    pub fn render(&self) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for (metric, label, value) in &self.0 {
                metric.describe();
                let labels = label.iter().cloned().map(|label| metric.valued([label])).next().unwrap_or_default();
                match metric.kind {
                    Kind::Gauge => metrics::gauge!(metric.name, labels).set(*value),
                    Kind::Counter => metrics::counter!(metric.name, labels).absolute(whole(*value)),
                    // Nobody reads one at a glance.
                    Kind::Histogram => {}
                }
            }
        });
        recorder.handle().render()
    }
}

/// A count that came as a number of another kind; nonsense becomes 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn whole(number: f64) -> u64 {
    number.clamp(0.0, u64::MAX as f64) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{MCP_CALL_DURATION, MCP_CALLS, QUEUE_DEAD, STAGE_DURATION, STATEMENTS, SWEPT, TASKS, TASKS_CLAIMED};

    #[test]
    fn what_was_counted_is_told_with_help_and_from_zero() {
        let recorder = recorder().unwrap();
        let text = metrics::with_local_recorder(&recorder, || {
            begin();
            TASKS_CLAIMED.add(3);
            TASKS_CLAIMED.add(2);
            SWEPT.add_for("failed", 1);
            recorder.handle().render()
        });
        assert!(text.contains("# HELP chimera_tasks_claimed_total Tasks claimed by this worker pool"), "{text}");
        assert!(text.contains("# TYPE chimera_tasks_claimed_total counter\nchimera_tasks_claimed_total 5\n"), "{text}");
        assert!(text.contains("chimera_swept_total{outcome=\"failed\"} 1\n"), "{text}");
        assert!(text.contains("chimera_swept_total{outcome=\"cancelled\"} 0\n"), "{text}");
        assert!(!text.contains(STATEMENTS.name), "it would stand there twice\n{text}");
    }

    #[test]
    fn durations_fall_into_the_buckets_of_the_catalogue() {
        let recorder = recorder().unwrap();
        let text = metrics::with_local_recorder(&recorder, || {
            begin();
            STAGE_DURATION.observe_for("judged", Duration::from_millis(70));
            MCP_CALL_DURATION.observe_for("studio", Duration::from_millis(3));
            MCP_CALLS.begin_of(["feeds", "failed"]);
            MCP_CALLS.add_of(["studio".to_owned(), "success".to_owned()], 2);
            recorder.handle().render()
        });
        assert!(text.contains("# TYPE chimera_stage_duration_seconds histogram"), "{text}");
        for line in [
            "chimera_stage_duration_seconds_bucket{stage=\"judged\",le=\"0.05\"} 0",
            "chimera_stage_duration_seconds_bucket{stage=\"judged\",le=\"0.1\"} 1",
            "chimera_stage_duration_seconds_sum{stage=\"judged\"} 0.07",
            "chimera_stage_duration_seconds_count{stage=\"whole\"} 0",
            "chimera_mcp_call_duration_seconds_count{server=\"studio\"} 1",
            "chimera_mcp_calls_total{server=\"feeds\",outcome=\"failed\"} 0",
            "chimera_mcp_calls_total{server=\"studio\",outcome=\"success\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn readings_are_of_one_moment() {
        let mut readings = Readings::default();
        readings.put_for(TASKS, "READY", 4.0);
        readings.put_for(QUEUE_DEAD, "task_queue", 0.0);
        readings.put(STATEMENTS, 12.0);
        let text = readings.render();
        assert!(text.contains("# TYPE chimera_tasks gauge\nchimera_tasks{state=\"READY\"} 4\n"), "{text}");
        assert!(text.contains("chimera_queue_dead{queue=\"task_queue\"} 0\n"), "{text}");
        assert!(text.contains("# TYPE chimera_database_statements_total counter\n"), "{text}");
        assert!(text.contains("chimera_database_statements_total 12\n"), "{text}");
        assert_eq!(Readings::default().render(), "");
    }
}
