//! The API against its own document: schemathesis, which makes requests up from an OpenAPI document, well-formed and not,
//! before a fleet that has something of everything.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use chimera_testkit::Wheel;

use crate::{browser::Fleet, chimera::Chimera, contract::has};

/// What the API is checked with.
const SCHEMATHESIS: Wheel =
    Wheel { folder: "schemathesis-4.32.5", packages: &["schemathesis==4.32.5"], has_dependencies: true };

/// schemathesis, installed once; `None` where there is no Python, as there may be none outside of CI.
fn schemathesis() -> Option<PathBuf> {
    if !has("python3") {
        return None;
    }
    let found = |venv: &Path| Some(venv.join("bin/schemathesis")).filter(|program| program.is_file());
    Some(SCHEMATHESIS.find(found, "install python3 with its modules venv and pip").unwrap())
}

/// Asks as one role: so many made-up requests of each operation, beside what each phase makes.
fn ask(fleet: &Fleet<'_>, program: &Path, role: &str, phases: &str, examples: &str) {
    let chimera = fleet.chimera();
    let made = chimera.run(&["console", "token", "create", role, "--role", role, "--days", "1"]);
    assert!(made.ok, "{}", made.stderr);
    let token = made.stdout.trim();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let output = Command::new(program)
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/api/openapi.json", fleet.origin()))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--phases", phases, "--max-examples", examples, "--no-color"])
        .env("SCHEMATHESIS_HOOKS", folder.join("known_ids.py"))
        .env("CHIMERA_TOKEN", token)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(chimera.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).replace(token, "TOKEN");
    println!("{role}\n{told}");
    assert!(output.status.success(), "{role}\n{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn the_api_is_what_its_document_says(chimera: &Chimera) {
    let Some(program) = schemathesis() else { return };
    let fleet = Fleet::with_plans(chimera);
    ask(&fleet, &program, "operator", "examples,coverage,fuzzing,stateful", "5");
    ask(&fleet, &program, "reviewer", "fuzzing", "2");
    ask(&fleet, &program, "viewer", "fuzzing", "2");
    // It went beyond what is refused at the door.
    for (actor, wanted) in [
        ("operator:token:operator", vec!["signal_marked", "draft_dropped", "campaign_status_set"]),
        ("human:token:operator", vec!["ticket_answered"]),
    ] {
        let acts = chimera.json(&["db", "audit", "--actor", actor, "--limit", "1000", "--json"]);
        let did = |action: &str| acts.as_array().unwrap().iter().any(|act| act["action"] == action);
        let missing: Vec<_> = wanted.into_iter().filter(|action| !did(action)).collect();
        assert!(missing.is_empty(), "{actor} never came to {missing:?}: {acts}");
    }
    assert!(chimera.run(&["db", "verify"]).ok);
}
