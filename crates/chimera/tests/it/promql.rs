//! As much of PromQL as is needed to see which metrics and labels a query names.

use std::collections::BTreeSet;

use chimera_telemetry::{CATALOGUE, Kind, Metric};

/// Words that are no metrics.
const KEYWORDS: [&str; 12] =
    ["and", "bool", "by", "group_left", "group_right", "ignoring", "inf", "nan", "offset", "on", "or", "without"];
/// Words before a list of labels.
const LISTS: [&str; 4] = ["by", "ignoring", "on", "without"];
/// Labels that Prometheus adds.
const ADDED: [&str; 3] = ["instance", "job", "le"];
/// What Prometheus writes itself about each target.
const OF_TARGETS: &str = "up";

/// What a query names.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Metrics with the labels that are compared: label and value.
    pub(crate) selectors: Vec<(String, Vec<(String, String)>)>,
    /// Labels in lists.
    listed: BTreeSet<String>,
}

impl Query {
    /// Reads a query. Whether it is a good one Prometheus says.
    pub(crate) fn read(text: &str) -> Self {
        let mut query = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first.is_ascii_alphabetic() || first == '_' {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = query.word(word, after.trim_start());
            } else if first.is_ascii_digit() || first == '[' {
                // A number or a duration.
                let end = if first == '[' { rest.find(']').unwrap() + 1 } else { digits(rest) };
                rest = &rest[end..];
            } else {
                rest = &rest[first.len_utf8()..];
            }
        }
        query
    }

    /// Takes a word, and what belongs to it of what follows; gives the rest.
    fn word<'a>(&mut self, word: &str, after: &'a str) -> &'a str {
        if LISTS.contains(&word) {
            let (list, rest) = after.strip_prefix('(').unwrap().split_once(')').unwrap();
            self.listed.extend(list.split(',').map(|label| label.trim().to_owned()));
            return rest;
        }
        let aggregates = ["by (", "without ("].iter().any(|list| after.starts_with(list));
        if KEYWORDS.contains(&word) || after.starts_with('(') || aggregates {
            return after;
        }
        let Some(inside) = after.strip_prefix('{') else {
            self.selectors.push((word.to_owned(), vec![]));
            return after;
        };
        let (inside, rest) = inside.split_once('}').unwrap();
        let matchers = inside.split(',').flat_map(|matcher| {
            let (label, value) = matcher.split_once(['=', '!']).unwrap();
            let values = value.trim_start_matches(['=', '~']).trim().trim_matches('"');
            values.split('|').map(|value| (label.trim().to_owned(), value.to_owned())).collect::<Vec<_>>()
        });
        self.selectors.push((word.to_owned(), matchers.collect()));
        rest
    }

    /// What it names that is not there; empty when all is well.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let mut unknown = vec![];
        let mut labels: BTreeSet<&str> = ADDED.into();
        for (name, matchers) in &self.selectors {
            let Some(metric) = metric(name) else {
                if name != OF_TARGETS {
                    unknown.push(format!("metric {name}"));
                }
                continue;
            };
            labels.extend(metric.labels().map(|label| label.name));
            for (label, value) in matchers.iter().filter(|(label, _)| !ADDED.contains(&label.as_str())) {
                let known = metric.labels().find(|known| known.name == label);
                if !known.is_some_and(|known| known.values.is_empty() || known.values.contains(&value.as_str())) {
                    unknown.push(format!("{name} with {label}={value}"));
                }
            }
        }
        unknown.extend(self.listed.iter().filter(|l| !labels.contains(l.as_str())).map(|l| format!("label {l}")));
        unknown
    }

    /// The names of its metrics that any process tells from its start on: of their labels all values are known.
    pub(crate) fn told_from_the_start(&self) -> impl Iterator<Item = &str> {
        let fixed = |name: &str| metric(name).is_some_and(|m| m.labels().all(|label| !label.values.is_empty()));
        self.selectors.iter().map(|(name, _)| name.as_str()).filter(move |name| fixed(name))
    }
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(text.len())
}

/// The metric that a series belongs to.
fn metric(series: &str) -> Option<&'static Metric> {
    CATALOGUE.iter().find(|metric| {
        let rest = series.strip_prefix(metric.name);
        rest.is_some_and(|rest| match metric.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].contains(&rest),
            Kind::Counter | Kind::Gauge => rest.is_empty(),
        })
    })
}

#[test]
fn what_a_query_names_is_found() {
    let good = "histogram_quantile(0.95, sum by (le, stage) (rate(chimera_stage_duration_seconds_bucket[1m]))) > 1e6 \
                and max(chimera_tasks{state=\"READY\"}) or up{job=\"chimera\"} == 0";
    assert_eq!(Query::read(good).unknown(), [""; 0]);
    let query = Query::read(good);
    assert_eq!(query.told_from_the_start().collect::<Vec<_>>(), ["chimera_stage_duration_seconds_bucket"]);
    for (bad, wanted) in [
        ("sum(chimera_nonsense_total)", "metric chimera_nonsense_total"),
        ("chimera_stage_duration_seconds", "metric chimera_stage_duration_seconds"),
        ("chimera_swept_total{outcome=\"nothing\"}", "chimera_swept_total with outcome=nothing"),
        ("chimera_swept_total{outcome=~\"failed|nothing\"}", "chimera_swept_total with outcome=nothing"),
        ("chimera_swept_total{server!=\"a\"}", "chimera_swept_total with server=a"),
        ("sum by (server) (chimera_swept_total)", "label server"),
    ] {
        assert_eq!(Query::read(bad).unknown(), [wanted], "{bad}");
    }
}
