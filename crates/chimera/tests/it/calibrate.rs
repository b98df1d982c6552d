//! Marks, calibration and replays by command.

use std::path::PathBuf;

use serde_json::json;

use crate::chimera::Chimera;

/// A campaign for fashion, and the news of the built-in feed.
fn fleet() -> Chimera {
    let chimera = Chimera::new();
    let demo = chimera.run(&["demo", "--once", "--json"]);
    assert!(demo.ok, "{}", demo.stderr);
    chimera
}

#[test]
fn marks_go_into_the_log_and_replays_write_nothing() {
    let chimera = fleet();
    let signals = chimera.json(&["planner", "view-signals", "--json"]);
    let signal = signals[0]["id"].as_str().unwrap();
    let marked = chimera.run(&["planner", "mark", signal, "--up", "--note", "silk", "--by", "mara"]);
    assert!(marked.ok && marked.stderr.contains("UP"), "{}", marked.stderr);
    assert!(!chimera.run(&["planner", "mark", signal]).ok, "up or down");
    let audit = chimera.run(&["db", "audit"]).stdout;
    assert!(audit.contains("signal_marked"), "{audit}");
    let few = chimera.run(&["planner", "calibrate", "--campaign", "fashion_drop"]);
    assert!(!few.ok && few.stderr.contains("too few"), "{}", few.stderr);

    let same = chimera.json(&["planner", "replay-trends", "--json"]);
    assert_eq!(same[0]["replay"]["newly_relevant"], json!([]));
    assert_eq!(same[0]["replay"]["no_longer_relevant"], json!([]));
    let stricter = ["planner", "replay-trends", "--threshold", "1.0", "--json"];
    let dropped = chimera.json(&stricter);
    assert!(!dropped[0]["replay"]["no_longer_relevant"].as_array().unwrap().is_empty());
    assert_eq!(dropped, chimera.json(&stricter));
    let otherwise = ["planner", "replay-trends", "--campaign", "fashion_drop", "--goal", "football", "--json"];
    assert!(!chimera.json(&otherwise)[0]["replay"]["other_score"].as_array().unwrap().is_empty());
    assert_eq!(chimera.json(&["planner", "view-signals", "--json"]), signals);
}

#[test]
fn mistakes_alone_teach_nothing() {
    let chimera = fleet();
    let signals = chimera.json(&["planner", "view-signals", "--json"]);
    let signals: Vec<_> = signals.as_array().unwrap().iter().take(11).collect();
    assert_eq!(signals.len(), 11);
    for signal in signals {
        let relevant = ["PLANNED", "DEFERRED", "STALE"].contains(&signal["outcome"].as_str().unwrap());
        let way = if relevant { "--down" } else { "--up" };
        assert!(chimera.run(&["planner", "mark", signal["id"].as_str().unwrap(), way]).ok);
    }
    let line = |at: usize| format!("{}\n", json!({"headline": format!("Silk {at}"), "relevant": at.is_multiple_of(2)}));
    let file = chimera.file("labelled.jsonl", &(0..10).map(line).collect::<String>());
    let calibrate = ["planner", "calibrate", "--campaign", "fashion_drop", "--input", file.to_str().unwrap()];
    let looked = chimera.run(&calibrate);
    assert!(looked.ok && looked.stderr.contains("11 of 21 examples are marks against"), "{}", looked.stderr);
    let refused = chimera.run(&[&calibrate[..], &["--apply"]].concat());
    assert!(!refused.ok && refused.stderr.contains("not applied"), "{}", refused.stderr);
}

#[test]
fn scores_on_real_headlines_come_to_mean_what_they_say() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/headlines.jsonl");
    if !path.exists() {
        println!("SKIPPED: the real headlines are not there ({})", path.display());
        return;
    }
    let chimera = fleet();
    let calibrate = ["planner", "calibrate", "--campaign", "fashion_drop", "--label", "STYLE & BEAUTY", "--json"];
    let told = chimera.json(&[&calibrate[..], &["--input", path.to_str().unwrap()]].concat());
    let figure = |name: &str| told["fit"][name].as_f64().unwrap();
    println!("{}", serde_json::to_string(&told["fit"]["method"]).unwrap());
    println!("ECE {:.4} -> {:.4}", figure("error_before"), figure("error_after"));
    println!("Brier {:.4} -> {:.4}", figure("brier_before"), figure("brier_after"));
    println!("threshold {}", told["threshold"]);
    assert!(figure("error_after") < 0.05 && figure("error_after") < figure("error_before"));
    assert!(figure("brier_after") < figure("brier_before"));
    assert!(chimera.json(&["campaign", "show", "fashion_drop", "--json"])["campaign"]["calibration"].is_null());
    let apply = [&calibrate[..], &["--input", path.to_str().unwrap(), "--apply", "--by", "mara"]].concat();
    chimera.json(&apply);
    let kept = chimera.json(&["campaign", "show", "fashion_drop", "--json"]);
    assert!(kept["campaign"]["calibration"]["examples"].as_u64().unwrap() > 1_000);
    assert!(chimera.run(&["planner", "calibrate", "--campaign", "fashion_drop", "--reset"]).ok);
}

#[test]
fn the_judge_says_that_it_starts_cold() {
    let chimera = fleet();
    let told = chimera.json(&["judge", "calibrate", "--json"]);
    assert!(told["maps"][0]["cold_start"].as_str().unwrap().contains("too few"), "{told}");
    assert_eq!((&told["maps"][0]["campaign"], &told["maps"][0]["used"]), (&json!(null), &json!(false)));
    assert_eq!((&told["outlook"]["publish_from"], &told["outlook"]["wanted_error_rate"]), (&json!(null), &json!(0.02)));
    let tables = chimera.run(&["judge", "calibrate", "--campaign", "fashion_drop", "--error-rate", "0.1"]);
    assert!(tables.ok && tables.stdout.contains("cold start"), "{}{}", tables.stdout, tables.stderr);
    assert!(
        tables.stdout.contains("29 decisions") && tables.stderr.contains("nothing was written"),
        "{}",
        tables.stdout
    );
    let refused = chimera.run(&["judge", "calibrate", "--apply", "--by", "mara"]);
    assert!(!refused.ok && refused.stderr.contains("too little"), "{}", refused.stderr);
    assert!(chimera.run(&["judge", "calibrate", "--reset"]).ok);
    assert!(!chimera.run(&["judge", "calibrate", "--error-rate", "2"]).ok);
    assert!(!chimera.run(&["judge", "calibrate", "--campaign", "nobody"]).ok);
    assert!(!chimera.run(&["db", "audit"]).stdout.contains("judge_calibrated"));
}
