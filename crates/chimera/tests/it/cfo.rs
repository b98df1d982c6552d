//! The money of the day, as an operator sees it.

use std::time::{Duration, Instant};

use chimera_testkit::TestRedis;
use serde_json::Value;

use crate::{
    chimera::Chimera,
    kill::{settled, start, stop},
    process::PATIENCE,
};

/// Words cost money.
const CONFIG: &str = r#"
sweeper: {interval_ms: 200, waiting_ms: 400}
mcp:
  roles:
    generate_text:
      server: studio
      tool: generate_text
      cost: {fixed: "0.012345"}
      arguments:
        character_reference_id: "{{character_reference_id}}"
        persona: "{{persona}}"
        goal: "{{goal}}"
        headline: "{{headline}}"
        summary: "{{summary}}"
        channel: "{{channel}}"
        text_chars_max: "{{text_chars_max}}"
        hashtags_max: "{{hashtags_max}}"
        correction: "{{correction?}}"
        seed: "{{seed}}"
        budget_usd: "{{budget_usd?}}"
"#;

/// A millionth of a dollar times this is a dollar.
const MICROS: f64 = 1e6;

fn micros(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap_or_else(|| panic!("no amount: {amount}"));
    #[expect(clippy::cast_possible_truncation, reason = "a few dollars")]
    let micros = (text.parse::<f64>().unwrap() * MICROS).round() as i64;
    micros
}

/// What the one agent's budget looks like, and whether all agree.
fn check(chimera: &Chimera, within: &str) -> (Value, bool) {
    let checked = chimera.run(&["cfo", "check-budget", "--within", within, "--json"]);
    let budgets: Vec<Value> = serde_json::from_str(&checked.stdout).unwrap_or_else(|_| panic!("{}", checked.stderr));
    assert_eq!(budgets.len(), 1, "{budgets:?}");
    (budgets[0].clone(), checked.ok)
}

pub(crate) fn the_days_money_is_the_same_wherever_one_looks(chimera: &Chimera) {
    chimera.file("configs/chimera.yaml", CONFIG);
    assert!(chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);
    let mut up = start(chimera);
    settled(chimera, &mut up);
    let (busy, agree) = check(chimera, "60");
    assert!(agree && busy["agree"] == true, "{busy}");
    stop(&mut up);
    let (budget, agree) = check(chimera, "0");
    assert!(agree, "what is written while a process ends is told, too: {budget}");
    let spent = micros(&budget["settled"]);
    assert!(spent > 0 && spent % 12_345 == 0, "{budget}");
    assert_eq!((micros(&budget["ledger_cost"]), micros(&budget["recorded_cost"])), (spent, spent), "{budget}");
    let cap = micros(&budget["max_daily_spend"]);
    assert_eq!(cap - micros(&budget["left_today"]), micros(&budget["used"]["today"]), "{budget}");

    let entries = chimera.json(&["cfo", "view-ledger", "--limit", "1000", "--json"]);
    let costs: i64 = entries.as_array().unwrap().iter().map(|entry| micros(&entry["cost"])).sum();
    assert_eq!(costs, spent);
    let open = chimera.json(&["cfo", "view-ledger", "--state", "OPEN", "--json"]);
    assert_eq!(open.as_array().unwrap().len(), 0, "{open}");
    let shown = chimera.run(&["cfo", "view-ledger"]);
    assert!(shown.stdout.contains("generate_text") && shown.stdout.contains("SETTLED"), "{}", shown.stdout);
    assert!(chimera.run(&["cfo", "check-budget"]).stdout.contains("yes"));
    let nobody = chimera.run(&["cfo", "check-budget", "--agent", "nobody"]);
    assert!(!nobody.ok && nobody.stderr.contains("there is no agent nobody"), "{}", nobody.stderr);

    match chimera.prefix() {
        None => assert_eq!(budget["counters"], "in_process"),
        Some(prefix) => a_counter_that_is_off_is_found_and_mended(chimera, prefix, &budget),
    }
}

fn a_counter_that_is_off_is_found_and_mended(chimera: &Chimera, prefix: &str, budget: &Value) {
    assert_eq!(budget["counters"]["say"], budget["used"], "{budget}");
    let key = format!("{prefix}:daily_spend:{{{}}}", budget["agent_id"].as_str().unwrap());
    let used = micros(&budget["used"]["today"]);
    TestRedis::shared().set_field(&key, "micros", &(used + 1).to_string()).unwrap();
    let (doctored, agree) = check(chimera, "0");
    assert!(!agree && doctored["agree"] == false, "{doctored}");
    assert!(chimera.run(&["cfo", "check-budget", "--within", "0"]).stdout.contains("NO"));
    // Whoever runs next mends it.
    let mut up = start(chimera);
    let until = Instant::now() + PATIENCE;
    while !check(chimera, "1").1 {
        assert!(Instant::now() < until, "the counters stay off");
        std::thread::sleep(Duration::from_millis(100));
    }
    stop(&mut up);
}
