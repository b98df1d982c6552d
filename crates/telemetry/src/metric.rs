//! One metric: its name, what it says, and how it is written to.

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// A state at the moment of reading.
    Gauge,
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
    /// Its label, if it has one.
    pub label: Option<Label>,
}

impl Metric {
    /// A counter.
    pub(crate) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help, label: None }
    }

    /// A gauge.
    pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help, label: None }
    }

    /// The same with a label that takes these values.
    pub(crate) const fn by(self, name: &'static str, values: &'static [&'static str]) -> Self {
        Self { label: Some(Label { name, values }), ..self }
    }

    /// Counts `n` more. Does nothing in a process that serves no metrics.
    pub fn add(&self, n: usize) {
        if n > 0 {
            metrics::counter!(self.name).increment(n as u64);
        }
    }

    /// Counts `n` more with this value of the label.
    pub fn add_for(&self, value: &'static str, n: usize) {
        debug_assert!(self.takes(value), "{} does not take {value}", self.name);
        if let (Some(label), true) = (self.label, n > 0) {
            metrics::counter!(self.name, label.name => value).increment(n as u64);
        }
    }

    /// Sets a gauge.
    pub fn set(&self, value: f64) {
        metrics::gauge!(self.name).set(value);
    }

    /// Sets a gauge with this value of the label.
    pub fn set_for(&self, label: impl Into<String>, value: f64) {
        if let Some(known) = self.label {
            metrics::gauge!(self.name, known.name => label.into()).set(value);
        }
    }

    fn takes(&self, value: &str) -> bool {
        self.label.is_some_and(|label| label.values.is_empty() || label.values.contains(&value))
    }

    /// Tells the recorder in force what this is, and begins counters at 0, so that a rate is right from the start.
    pub(crate) fn describe(&self) {
        match self.kind {
            Kind::Counter => {
                metrics::describe_counter!(self.name, self.help);
                match self.label {
                    None => metrics::counter!(self.name).increment(0),
                    Some(label) => label
                        .values
                        .iter()
                        .for_each(|value| metrics::counter!(self.name, label.name => *value).increment(0)),
                }
            }
            Kind::Gauge => metrics::describe_gauge!(self.name, self.help),
        }
    }
}
