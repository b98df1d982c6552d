//! `monitoring/` on a running fleet: Prometheus scrapes it, the rules fire, and the dashboards ask for what there is.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    process::{JUDGE, PLANNER, PUBLISHER, Process, WORKER},
    prometheus::{Prometheus, promtool},
    promql::Query,
    roles::seeded,
};

const DASHBOARDS: [&str; 4] = ["fleet", "pipeline", "money", "mcp"];

fn monitoring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../monitoring")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(monitoring().join(name)).unwrap()
}

/// A dashboard's panels: title, and query with its legend.
fn panels(dashboard: &str) -> Vec<(String, String, String)> {
    let dashboard: Value = serde_json::from_str(&read(&format!("dashboards/{dashboard}.json"))).unwrap();
    let mut panels = vec![];
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let query = text(&target["expr"]).replace("$__rate_interval", "1m");
            panels.push((text(&panel["title"]), query, text(&target["legendFormat"])));
        }
    }
    assert!(panels.len() > 5, "{dashboard}");
    panels
}

/// The alert rules: name and condition.
fn rules() -> Vec<(String, String)> {
    let groups: Value = serde_saphyr::from_str(&read("alerts.yml")).unwrap();
    let rules = groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

#[test]
fn rules_and_dashboards_ask_for_what_the_catalogue_has() {
    let mut queries = rules();
    assert_eq!(queries.len(), 11);
    for dashboard in DASHBOARDS {
        queries.extend(panels(dashboard).into_iter().map(|(title, query, _)| (format!("{dashboard}: {title}"), query)));
    }
    for (place, query) in queries {
        let read = Query::read(&query);
        assert!(!read.selectors.is_empty(), "{place}: {query}");
        assert_eq!(read.unknown(), [""; 0], "{place}: {query}");
    }
}

#[test]
fn prometheus_watches_a_fleet_and_tells_of_a_role_that_went_away() {
    let folder = monitoring();
    promtool(&["check", "config", folder.join("prometheus.yml").to_str().unwrap()], "");
    promtool(&["check", "rules", folder.join("alerts.yml").to_str().unwrap()], "");

    let chimera = seeded();
    let [planner, worker, judge, publisher] =
        [PLANNER, WORKER, JUDGE, PUBLISHER].map(|command| Process::start(&chimera, &command));
    let config = quick(chimera.folder(), [&planner, &worker, &judge, &publisher]);
    let prometheus = Prometheus::start(&config, chimera.folder());
    let out = "sum(increase(chimera_publications_total{outcome=\"published\"}[1h])) > 0";
    publisher.wait("posts out, as Prometheus sees it", || !prometheus.query(out).is_empty());
    for process in [&planner, &worker, &judge, &publisher] {
        let (_, text) = process.get("/metrics");
        promtool(&["check", "metrics"], &text);
    }
    every_panel_can_be_drawn(&prometheus);

    prometheus.wait("content with all processes", || {
        prometheus.firing("ChimeraRoleMissing").is_empty() && prometheus.firing("ChimeraProcessDown").is_empty()
    });
    let gone = judge.address().to_string();
    judge.stop();
    prometheus.wait("alarmed by the judge's end", || {
        let missing = prometheus.firing("ChimeraRoleMissing");
        let down = prometheus.firing("ChimeraProcessDown");
        missing.iter().any(|alert| alert["role"] == "judge") && down.iter().any(|alert| alert["instance"] == *gone)
    });
    let missing = prometheus.firing("ChimeraRoleMissing");
    assert!(missing.iter().all(|alert| alert["role"] == "judge" && alert["severity"] == "critical"), "{missing:?}");
}

/// The configuration and the rules as they are, but for this fleet, and every second, and without patience.
fn quick(folder: &Path, fleet: [&Process; 4]) -> PathBuf {
    let mut config = read("prometheus.yml").replace("15s", "1s");
    for (process, port) in fleet.into_iter().zip([7418, 7419, 7420, 7421]) {
        let usual = format!("127.0.0.1:{port}");
        assert!(config.contains(&usual), "{config}");
        config = config.replace(&usual, &process.address().to_string());
    }
    let patient = |line: &&str| line.trim_start().starts_with("for: ");
    let rules: String =
        read("alerts.yml").lines().filter(|line| !patient(line)).map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join("alerts.yml"), rules).unwrap();
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    file
}

/// Each query is one that Prometheus takes, and names what the fleet tells. Prints each panel with its figures.
fn every_panel_can_be_drawn(prometheus: &Prometheus) {
    let told = prometheus.api("label/__name__/values");
    let told: Vec<&str> = told.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for dashboard in DASHBOARDS {
        for (title, query, legend) in panels(dashboard) {
            for name in Query::read(&query).told_from_the_start() {
                assert!(told.contains(&name), "{dashboard}: {title}: nobody tells {name}");
            }
            let series: Vec<String> = prometheus.query(&query).into_iter().map(|one| figure(&legend, one)).collect();
            println!("| {dashboard} | {title} | {} |", series.join(", "));
        }
    }
}

fn figure(legend: &str, (labels, value): (Value, f64)) -> String {
    let mut name = legend.to_owned();
    for (label, of) in labels.as_object().unwrap() {
        name = name.replace(&format!("{{{{{label}}}}}"), of.as_str().unwrap());
    }
    format!("{name} {value:.3}")
}
