//! Metrics as Prometheus text.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::{BUILD_INFO, CATALOGUE, Metric, PROCESS_START};

/// Metrics were set up before.
#[derive(Debug, thiserror::Error)]
#[error("metrics are already set up in this process")]
pub struct PrometheusError(#[source] metrics::SetRecorderError<metrics_exporter_prometheus::PrometheusRecorder>);

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
    /// [`PrometheusError`] when that was done before.
    pub fn install(version: &'static str, started_unix_s: f64) -> Result<Self, PrometheusError> {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(PrometheusError)?;
        CATALOGUE.iter().for_each(Metric::describe);
        BUILD_INFO.set_for(version, 1.0);
        PROCESS_START.set(started_unix_s);
        Ok(Self { handle })
    }

    /// What was counted, as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// Gauges that were read for one answer only: what can't be read is absent then, instead of stale.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings(Vec<(Metric, Option<String>, f64)>);

impl Readings {
    /// A reading of a gauge without a label.
    pub fn put(&mut self, metric: Metric, value: f64) {
        self.0.push((metric, None, value));
    }

    /// A reading with this value of the label.
    pub fn put_for(&mut self, metric: Metric, label: impl Into<String>, value: f64) {
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
                match label {
                    None => metric.set(*value),
                    Some(label) => metric.set_for(label, *value),
                }
            }
        });
        recorder.handle().render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{QUEUE_DEAD, SWEPT, TASKS, TASKS_CLAIMED};

    #[test]
    fn what_was_counted_is_told_with_help_and_from_zero() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            CATALOGUE.iter().for_each(Metric::describe);
            TASKS_CLAIMED.add(3);
            TASKS_CLAIMED.add(2);
            SWEPT.add_for("failed", 1);
            recorder.handle().render()
        });
        assert!(text.contains("# HELP chimera_tasks_claimed_total Tasks claimed by this worker pool"), "{text}");
        assert!(text.contains("# TYPE chimera_tasks_claimed_total counter\nchimera_tasks_claimed_total 5\n"), "{text}");
        assert!(text.contains("chimera_swept_total{outcome=\"failed\"} 1\n"), "{text}");
        assert!(text.contains("chimera_swept_total{outcome=\"cancelled\"} 0\n"), "{text}");
    }

    #[test]
    fn readings_are_of_one_moment() {
        let mut readings = Readings::default();
        readings.put_for(TASKS, "READY", 4.0);
        readings.put_for(QUEUE_DEAD, "task_queue", 0.0);
        let text = readings.render();
        assert!(text.contains("# TYPE chimera_tasks gauge\nchimera_tasks{state=\"READY\"} 4\n"), "{text}");
        assert!(text.contains("chimera_queue_dead{queue=\"task_queue\"} 0\n"), "{text}");
        assert_eq!(Readings::default().render(), "");
    }
}
