//! Layers, and what mistakes are told.

use super::*;

fn from_yaml(text: &str) -> Result<Config, ConfigError> {
    Config::from_layers(&Figment::new().merge(Yaml::string(text)))
}

fn told(text: &str) -> String {
    let error = from_yaml(text).unwrap_err();
    chimera_domain::error_chain(&error)
}

#[test]
fn nothing_said_means_the_defaults() {
    let config = from_yaml("{}").unwrap();
    assert_eq!(config.planner.poll_interval_ms, 60_000);
    assert_eq!(config.judge.thresholds.auto_publish.get(), 0.9);
}

#[test]
fn an_unknown_key_is_named_with_its_nearest() {
    assert_eq!(
        told("planner:\n  poll_intervall_ms: 5\n"),
        "unknown configuration key: `planner.poll_intervall_ms` (did you mean `poll_interval_ms`?)"
    );
    assert_eq!(told("planer: {}\n"), "unknown configuration key: `planer` (did you mean `planner`?)");
    let nested = told("campaigns:\n  - slug: a\n    goal: b\n    agents: []\n    resources: []\n    chanels: []\n");
    assert_eq!(nested, "unknown configuration key: `campaigns[0].chanels` (did you mean `channels`?)");
}

#[test]
fn a_wrong_value_names_its_key() {
    let told = told("planner:\n  score_batch: many\n");
    assert!(told.contains("planner.score_batch") && told.contains("many"), "{told}");
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    assert!(told("judge:\n  thresholds: {reject: 0.95}\n").starts_with("judge.thresholds:"));
    assert!(told("worker:\n  concurrency: 0\n").starts_with("worker.concurrency"));
}
