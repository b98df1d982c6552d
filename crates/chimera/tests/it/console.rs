//! Who the command line lets into the console.

use crate::chimera::Chimera;

pub(crate) fn links_and_tokens_are_made_listed_and_revoked(chimera: &Chimera) {
    assert!(chimera.run(&["seed", "trends"]).ok);
    let link = chimera.run(&["console", "sign-in", "--by", "mara", "--role", "reviewer"]);
    assert!(link.ok, "{}", link.stderr);
    assert!(link.stdout.starts_with("http://127.0.0.1:7417/sign-in?token=chimera_link_"), "{}", link.stdout);
    let elsewhere = chimera.run(&["console", "sign-in", "--at", "127.0.0.1:9"]);
    assert!(elsewhere.stdout.starts_with("http://127.0.0.1:9/sign-in"), "{}", elsewhere.stdout);
    let nowhere = chimera.run(&["console", "sign-in", "--at", "127.0.0.1:0"]);
    assert!(!nowhere.ok && nowhere.stderr.contains("--at"), "{}", nowhere.stderr);

    let made = chimera.run(&["console", "token", "create", "ci", "--role", "viewer", "--days", "7", "--by", "mara"]);
    assert!(made.ok && made.stdout.starts_with("chimera_token_"), "{} {}", made.stdout, made.stderr);
    assert!(!made.stderr.contains(made.stdout.trim()), "it is told once");
    let listed = chimera.json(&["console", "token", "list", "--json"]);
    assert_eq!((&listed[0]["name"], &listed[0]["role"]), (&"ci".into(), &"viewer".into()));
    assert!(listed[0].get("secret_hash").is_none(), "{listed}");
    for bad in [&["--days", "0"][..], &["--days", "366"], &["--role", "king"]] {
        let refused = chimera.run(&[&["console", "token", "create", "x"], bad].concat());
        assert!(!refused.ok && refused.stdout.is_empty(), "{bad:?}");
    }
    let id = listed[0]["id"].as_str().unwrap();
    assert!(chimera.run(&["console", "token", "revoke", id, "--by", "mara"]).ok);
    let again = chimera.run(&["console", "token", "revoke", id]);
    assert!(!again.ok && again.stderr.contains("no live token"), "{}", again.stderr);
    assert_eq!(chimera.json(&["console", "token", "list", "--json"]), serde_json::json!([]));
    let acts = chimera.json(&["db", "audit", "--actor", "operator:mara", "--json"]);
    let acts: Vec<_> = acts.as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(acts.iter().filter(|a| **a == "access_granted").count(), 2, "{acts:?}");
    assert_eq!(acts.iter().filter(|a| **a == "access_ended").count(), 1, "{acts:?}");
    assert!(chimera.run(&["db", "verify"]).ok);
}
