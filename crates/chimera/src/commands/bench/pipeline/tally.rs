//! Hears of each publication when it is committed, by the metric that the publisher counts it with.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use chimera_telemetry::PUBLICATIONS;
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tokio::{sync::Notify, time::Instant};

/// When how many posts were published.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counted: Mutex<Vec<(Instant, usize)>>,
    news: Notify,
}

impl Tally {
    /// Takes the place of the process's metrics.
    pub(super) fn install() -> anyhow::Result<Arc<Self>> {
        let tally = Arc::new(Self::default());
        metrics::set_global_recorder(Ear(tally.clone())).context("metrics are counted already")?;
        Ok(tally)
    }

    /// What was counted since the last time.
    pub(super) fn taken(&self) -> Vec<(Instant, usize)> {
        std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something was counted; at once when that was so since the last waiting.
    pub(super) async fn counted(&self) {
        self.news.notified().await;
    }
}

impl CounterFn for Tally {
    fn increment(&self, value: u64) {
        let count = usize::try_from(value).unwrap_or(usize::MAX);
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), count));
        self.news.notify_one();
    }

    fn absolute(&self, _value: u64) {}
}

/// Listens for one counter.
struct Ear(Arc<Tally>);

impl Recorder for Ear {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        let published = key.labels().any(|label| label.value() == "published");
        if key.name() == PUBLICATIONS.name && published { Counter::from_arc(self.0.clone()) } else { Counter::noop() }
    }

    fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
