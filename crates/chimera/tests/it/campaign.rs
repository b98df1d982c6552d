//! Campaigns by command, beside those in configuration files.

use serde_json::json;

use crate::chimera::Chimera;

const CREATE: [&str; 13] = [
    "campaign",
    "create",
    "linen",
    "--goal",
    "Linen and hemp",
    "--agent",
    "fae",
    "--channel",
    "bluesky",
    "--resource",
    "mcp://feeds/feed://fashion-drop",
    "--by",
    "mara",
];

/// A fleet with an agent in it.
fn fleet() -> Chimera {
    let chimera = Chimera::new();
    let seeded = chimera.run(&["seed", "trends"]);
    assert!(seeded.ok, "{}", seeded.stderr);
    chimera
}

fn refused(chimera: &Chimera, args: &[&str], word: &str) {
    let ended = chimera.run(args);
    assert!(!ended.ok && ended.stderr.contains(word), "{args:?}: {}", ended.stderr);
}

#[test]
fn a_campaign_is_made_edited_shown_and_ended() {
    let chimera = fleet();
    let made = chimera.run(&CREATE);
    assert!(made.ok && made.stderr.contains("linen  ACTIVE at v1"), "{}", made.stderr);
    assert!(chimera.run(&CREATE).stderr.contains("it was there already"));
    let other = [&CREATE[..], &["--threshold", "0.5"]].concat();
    refused(&chimera, &other, "take another slug");

    let edit = ["campaign", "edit", "linen", "--quiet-hours", "22:00-07:00 Europe/Berlin", "--daily-task-cap", "5"];
    let edited = chimera.run(&[&edit[..], &["--keyword", "linen*", "--deny", "fur"]].concat());
    assert!(edited.ok && edited.stderr.contains("v2: edited; what was planned before is void"), "{}", edited.stderr);
    let shown = chimera.json(&["campaign", "show", "linen", "--json"]);
    let limits = json!({"daily_task_cap": 5, "quiet_hours": "22:00-07:00 Europe/Berlin"});
    assert_eq!(shown["campaign"]["limits"], limits);
    assert_eq!(shown["campaign"]["terms"]["keywords"], json!(["linen*"]));
    assert_eq!((&shown["agents"], &shown["campaign"]["origin"]), (&json!(["fae"]), &json!("OPERATOR")));
    let eased = chimera.run(&["campaign", "edit", "linen", "--quiet-hours", "none", "--clear", "keywords"]);
    assert!(eased.stderr.contains("v3: edited; what is planned stays"), "{}", eased.stderr);
    assert!(chimera.run(&["campaign", "show", "linen"]).stdout.contains("Linen and hemp"));

    let governor = chimera.json(&["planner", "check-governor", "--json"]);
    assert_eq!((&governor["agents"][0]["agent"], &governor["agents"][0]["held_back_by"]), (&json!("fae"), &json!("")));
    assert_eq!(governor["campaigns"][1]["posts_left_today"], json!(5));
    let table = chimera.run(&["planner", "check-governor"]);
    assert!(table.ok && table.stdout.contains("0 of 5"), "{}", table.stdout);

    refused(&chimera, &["campaign", "edit", "linen", "--at-version", "1", "--goal", "Wool"], "nothing was changed");
    refused(&chimera, &["campaign", "edit", "linen", "--goal", " "], "say in words");
    refused(&chimera, &["campaign", "edit", "linen", "--quiet-hours", "late"], "22:00-07:00 Europe/Berlin");
    refused(&chimera, &["campaign", "edit", "linen", "--agent", "nobody"], "isn't in the fleet");
    refused(&chimera, &["campaign", "edit", "nobody", "--goal", "x"], "there are: fashion_drop, linen");

    assert!(chimera.run(&["campaign", "end", "linen", "--by", "mara"]).stderr.contains("linen  ENDED"));
    refused(&chimera, &["campaign", "edit", "linen", "--goal", "Wool"], "is over");
    refused(&chimera, &["campaign", "resume", "linen"], "ENDED");
    let audit = chimera.run(&["db", "audit"]).stdout;
    assert!(audit.contains("operator:mara"), "{audit}");
}

#[test]
fn what_the_configuration_has_is_made_there() {
    let chimera = fleet();
    let config = chimera.file(
        "chimera.yaml",
        "campaigns:\n  - {slug: wool, goal: Wool, agents: [fae], channels: [x], resources: ['mcp://feeds/feed://fashion-drop'],\n     \
         limits: {daily_budget_usd: '9', quiet_hours: '01:00-02:00 UTC'}, terms: {deny: [fur]}}\n",
    );
    let with = |args: &[&str]| chimera.run(&[&["--config", config.to_str().unwrap()], args].concat());
    let checked = with(&["config", "check"]);
    assert!(checked.ok && checked.stdout.contains("01:00-02:00 UTC"), "{}", checked.stderr);
    let taken = with(&["campaign", "create", "wool", "--goal", "Wool", "--agent", "fae", "--channel", "x"]);
    assert!(!taken.ok && taken.stderr.contains("edit it there"), "{}", taken.stderr);
}
