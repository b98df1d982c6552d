//! Plans that wait for their operator, by command, in a running fleet.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    chimera::Chimera,
    kill::{start, stop},
};

/// Generous, for the machine may be busy.
const WITHIN: Duration = Duration::from_secs(90);

/// Looks again and again until it sees something.
fn eventually<T>(chimera: &Chimera, look: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + WITHIN;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "{}", chimera.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn refused(chimera: &Chimera, args: &[&str], word: &str) {
    let ended = chimera.run(args);
    assert!(!ended.ok && ended.stderr.contains(word), "{args:?}: {}", ended.stderr);
}

pub(crate) fn plans_wait_are_edited_started_and_dropped(chimera: &Chimera) {
    assert!(chimera.run(&["seed", "trends"]).ok);
    assert!(chimera.run(&["campaign", "edit", "fashion_drop", "--plan-review", "true"]).ok);
    assert!(chimera.run(&["campaign", "show", "fashion_drop"]).stdout.contains("chimera plan list"));
    let mut up = start(chimera);
    let list = || chimera.json(&["plan", "list", "--json"]).as_array().cloned().unwrap();
    let plans = eventually(chimera, || Some(list()).filter(|plans| plans.len() > 1));
    let states = chimera.json(&["status", "--json"])["tasks"].clone();
    assert_eq!(states.as_object().unwrap().keys().collect::<Vec<_>>(), ["DRAFT"], "nothing has begun");
    assert!(chimera.run(&["status"]).stdout.contains("wait for you to start them"));
    let trace = |plan: &Value| plan["trace_id"].as_str().unwrap().to_owned();
    let (first, second) = (trace(&plans[0]), trace(&plans[1]));
    let tainted = plans.iter().find(|plan| plan["signal"]["taint"] != json!([])).map(trace);
    let told = chimera.run(&["plan", "show", &tainted.unwrap()]).stdout;
    assert!(told.contains("[overrides_instructions"), "{told}");
    let table = chimera.run(&["plan", "list", "--campaign", "fashion_drop", "--limit", "1"]).stdout;
    assert!(table.contains(&first) && !table.contains(&second), "{table}");

    let goal = "Say what mending saves";
    let edit = ["plan", "edit", &first, "--goal", goal, "--priority", "high", "--post-budget", "0.4"];
    let edited = chimera.run(&[&edit[..], &["--by", "mara"]].concat());
    assert!(edited.ok, "{}", edited.stderr);
    let shown = chimera.json(&["plan", "show", &first, "--json"]);
    assert_eq!(shown["cost_max_usd"], json!("0.4"));
    for task in shown["tasks"].as_array().unwrap() {
        assert_eq!((&task["payload"]["goal"], &task["priority"]), (&json!(goal), &json!("high")));
    }
    let told = chimera.run(&["plan", "show", &first]).stdout;
    assert!(told.contains(goal) && told.contains("assemble_post"), "{told}");
    assert!(told.contains("(daily)") && told.contains("captions for those who can't hear it"), "{told}");
    refused(chimera, &["plan", "edit", &first], "nothing to change");
    refused(chimera, &["plan", "edit", &first, "--goal", " "], "characters");
    refused(chimera, &["plan", "edit", &first, "--post-budget", "0"], "drop it instead");
    refused(chimera, &["plan", "start", &first, "--channel", "blog"], "no such plan waits");
    refused(chimera, &["plan", "show", &"0".repeat(31).chars().chain(['1']).collect::<String>()], "plan list");

    assert!(chimera.run(&["plan", "drop", &second, "--because", "not ours"]).ok);
    assert!(chimera.run(&["plan", "start", &first, "--by", "mara"]).ok);
    refused(chimera, &["plan", "start", &first], "chimera trace");
    let of = |trace: &str, state: &str| {
        let tasks = chimera.json(&["trace", trace, "--json"])["tasks"].as_array().cloned().unwrap();
        tasks.iter().filter(|task| task["state"] == state).count()
    };
    assert_eq!(of(&second, "CANCELLED"), plans[1]["tasks"].as_array().unwrap().len());
    // Made without further ado; whether it goes out is the judge's matter.
    eventually(chimera, || (of(&first, "DONE") == 3).then_some(()));
    assert!(!list().iter().any(|plan| trace(plan) == first || trace(plan) == second));
    stop(&mut up);
}
