//! One metric: its name, what it says, and how it is written to.

use std::{borrow::Cow, time::Duration};

/// The most labels that a metric has.
pub const LABELS_MAX: usize = 3;

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// A state at the moment of reading.
    Gauge,
    /// How many observations were at most so large, bucket by bucket; with their sum and count.
    Histogram,
}

impl Kind {
    /// As Prometheus names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Every value it takes; empty where the configuration or another crate's enum bounds them.
    pub values: &'static [&'static str],
}

/// One metric. All of them stand in [`crate::CATALOGUE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name, as Prometheus has it: units last, `_total` for counters.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// What it says, in a line.
    pub help: &'static str,
    /// Its labels, the first ones first.
    labels: [Option<Label>; LABELS_MAX],
    /// Upper bounds of a histogram's buckets, ascending; empty for others.
    pub buckets: &'static [Bound],
    /// Whether somebody else keeps the count, so that it is read when somebody asks: see [`crate::Readings`].
    pub(crate) kept_elsewhere: bool,
}

/// The upper bound of a bucket, in milliseconds. Prometheus is told seconds.
pub type Bound = u32;

impl Metric {
    /// A counter.
    pub(crate) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help, labels: [None; LABELS_MAX], buckets: &[], kept_elsewhere: false }
    }

    /// A gauge.
    pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, ..Self::counter(name, help) }
    }

    /// A histogram of durations with these buckets.
    pub(crate) const fn histogram(name: &'static str, help: &'static str, buckets: &'static [Bound]) -> Self {
        Self { kind: Kind::Histogram, buckets, ..Self::counter(name, help) }
    }

    /// The same, kept by somebody else.
    pub(crate) const fn kept_elsewhere(self) -> Self {
        Self { kept_elsewhere: true, ..self }
    }

    /// The same with one label more, which takes these values.
    pub(crate) const fn by(mut self, name: &'static str, values: &'static [&'static str]) -> Self {
        let label = Some(Label { name, values });
        match &mut self.labels {
            [first @ None, ..] => *first = label,
            [_, second @ None, _] => *second = label,
            [.., third] => *third = label,
        }
        self
    }

    /// Its labels.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.labels.into_iter().flatten()
    }

    /// Counts `n` more. Does nothing in a process that serves no metrics.
    pub fn add(&self, n: usize) {
        self.add_of::<&'static str, 0>([], n as u64);
    }

    /// Counts `n` more with this value of its label.
    pub fn add_for(&self, value: impl Into<Cow<'static, str>>, n: usize) {
        self.add_of([value], n as u64);
    }

    /// Counts `n` more with these values of its labels.
    pub fn add_of<V: Into<Cow<'static, str>>, const N: usize>(&self, values: [V; N], n: u64) {
        if n > 0 {
            metrics::counter!(self.name, self.valued(values)).increment(n);
        }
    }

    /// Has a counter with these values of its labels stand at 0, so that a rate is right from the start.
    pub fn begin_of<V: Into<Cow<'static, str>>, const N: usize>(&self, values: [V; N]) {
        metrics::counter!(self.name, self.valued(values)).increment(0);
    }

    /// Sets a gauge.
    pub fn set(&self, value: f64) {
        metrics::gauge!(self.name).set(value);
    }

    /// Sets a gauge with this value of its label.
    pub fn set_for(&self, value: impl Into<Cow<'static, str>>, to: f64) {
        metrics::gauge!(self.name, self.valued([value])).set(to);
    }

    /// Notes a duration.
    pub fn observe(&self, took: Duration) {
        self.observe_of::<&'static str, 0>([], took);
    }

    /// Notes a duration with this value of its label.
    pub fn observe_for(&self, value: impl Into<Cow<'static, str>>, took: Duration) {
        self.observe_of([value], took);
    }

    fn observe_of<V: Into<Cow<'static, str>>, const N: usize>(&self, values: [V; N], took: Duration) {
        metrics::histogram!(self.name, self.valued(values)).record(took.as_secs_f64());
    }

    /// The buckets in seconds.
    pub(crate) fn buckets_s(&self) -> Vec<f64> {
        self.buckets.iter().map(|ms| f64::from(*ms) / 1_000.0).collect()
    }

    pub(crate) fn valued<V: Into<Cow<'static, str>>, const N: usize>(&self, values: [V; N]) -> Vec<metrics::Label> {
        debug_assert_eq!(self.labels().count(), N, "{} has other labels", self.name);
        let valued = self.labels().zip(values).map(|(label, value)| {
            let value: Cow<'static, str> = value.into();
            let known = label.values.is_empty() || label.values.contains(&&*value);
            debug_assert!(known, "{} does not take {value}", self.name);
            metrics::Label::new(label.name, value)
        });
        valued.collect()
    }

    /// Tells the recorder in force what this is, and begins counters and histograms at 0, so that a rate is right from the
    /// start.
    pub(crate) fn describe(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, self.help),
        }
        for labels in self.known_labels() {
            match self.kind {
                Kind::Counter => metrics::counter!(self.name, labels).increment(0),
                // To be registered is enough.
                Kind::Histogram => drop(metrics::histogram!(self.name, labels)),
                Kind::Gauge => {}
            }
        }
    }

    /// Every combination of values that its labels can take; none when one of them is bounded elsewhere.
    fn known_labels(&self) -> Vec<Vec<metrics::Label>> {
        self.labels().fold(vec![vec![]], |begun, label| {
            let more = begun.iter().flat_map(|labels| {
                label.values.iter().map(|value| {
                    let mut labels = labels.clone();
                    labels.push(metrics::Label::from_static_parts(label.name, value));
                    labels
                })
            });
            more.collect()
        })
    }
}
