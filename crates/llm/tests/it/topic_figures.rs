//! Sensitive topics against human labels.

use std::{collections::BTreeMap, time::Instant};

use chimera_llm::TopicScanner;

use crate::headlines::{Headline, read};

/// Sensitive labels, the topic each must be found as, the least recall of any hit, and of that topic.
///
/// The shipped weights were trained on these same lines, so these bounds only see a turn for the worse.
/// docs/offline-mind.md says what to expect of other headlines; `scripts/train-topics.py` prints nearly that, by plain words
/// and probabilities alone: its report leaves out what the scanner asks of a text's `standing`.
const SENSITIVE: &[(&str, &str, f64, f64)] = &[
    ("POLITICS", "politics", 0.97, 0.94),
    ("WELLNESS", "health_advice", 0.94, 0.94),
    ("HEALTHY LIVING", "health_advice", 0.92, 0.92),
    ("MONEY", "financial_advice", 0.95, 0.90),
    ("CRIME", "legal", 0.97, 0.95),
];

/// Labels of which most must pass, and the least share that does. The years of the headlines are those of a pandemic,
/// so that many a recipe and many a mask is truly health advice.
const BENIGN: &[(&str, f64)] = &[
    ("STYLE & BEAUTY", 0.70),
    ("FOOD & DRINK", 0.75),
    ("TRAVEL", 0.75),
    ("HOME & LIVING", 0.78),
    ("SPORTS", 0.81),
    ("PARENTING", 0.50),
    ("CULTURE & ARTS", 0.52),
    ("ENTERTAINMENT", 0.67),
];

#[test]
fn sensitive_topics_hold_their_figures() {
    let Some(headlines) = read() else { return };
    let scanner = TopicScanner::built_in().unwrap();
    let began = Instant::now();
    let scanned: Vec<(&Headline, Vec<String>)> = headlines
        .iter()
        .map(|item| (item, scanner.scan(&item.text()).into_iter().map(|hit| hit.topic).collect()))
        .collect();
    println!("{:.0} scans/s", headlines.len() as f64 / began.elapsed().as_secs_f64());
    let share = |label: &str, test: &dyn Fn(&[String]) -> bool| {
        let of_label: Vec<_> = scanned.iter().filter(|(item, _)| item.category == label).collect();
        (!of_label.is_empty())
            .then(|| of_label.iter().filter(|(_, hits)| test(hits)).count() as f64 / of_label.len() as f64)
    };
    for (label, topic, any_min, own_min) in SENSITIVE {
        let Some(any) = share(label, &|hits| !hits.is_empty()) else { continue };
        let own = share(label, &|hits| hits.iter().any(|hit| hit == topic)).unwrap_or_default();
        println!("{label:<16} recall {any:.3}, as {topic} {own:.3}");
        assert!(any >= *any_min && own >= *own_min, "{label}: {any:.3}, as {topic} {own:.3}");
    }
    for (label, pass_min) in BENIGN {
        let Some(pass) = share(label, &|hits| hits.is_empty()) else { continue };
        println!("{label:<16} passes {pass:.3}");
        assert!(pass >= *pass_min, "{label}: {pass:.3}");
    }
    let (mut hit, mut right) = (BTreeMap::new(), BTreeMap::new());
    for (item, topics) in &scanned {
        for topic in topics {
            *hit.entry(topic.as_str()).or_insert(0) += 1;
            let labelled = SENSITIVE.iter().any(|(label, own, _, _)| *label == item.category && own == topic);
            *right.entry(topic.as_str()).or_insert(0) += i32::from(labelled);
        }
    }
    // Only a lower bound of precision: most of what else is hit (world news, US news, jokes about presidents) is rightly so.
    println!("hits {hit:?}, of which under the topic's own label {right:?}");
}
