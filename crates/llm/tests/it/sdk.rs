//! The vendors' own clients against the stand-ins: what these accept and understand, the stand-in got right.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use chimera_llm::Kind;
use serde_json::{Value, json};

use crate::stand_in::{Fake, KEY, Say, base_url, draft, model};

/// The versions that the stand-ins are checked with.
const SDKS: [&str; 3] = ["anthropic>=2.12,<3", "openai>=3.54,<4", "google-genai>=3.4,<4"];

/// Python with the vendors' clients, installed once; `None` where there is no Python. In CI there must be.
fn python() -> Option<PathBuf> {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "python3 is missing, and CI must run this test");
    if !found {
        println!("SKIPPED: python3 is not installed");
        return None;
    }
    let venv = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vendors");
    let ready = venv.join("ready");
    if std::fs::read_to_string(&ready).ok().as_deref() != Some(&SDKS.join("\n")) {
        let run = |program: &Path, args: &[&str]| {
            let output = Command::new(program).args(args).output().unwrap();
            assert!(output.status.success(), "{program:?} {args:?}\n{}", String::from_utf8_lossy(&output.stderr));
        };
        run(Path::new("python3"), &["-m", "venv", "--clear", venv.to_str().unwrap()]);
        let pip = ["install", "-q", "--disable-pip-version-check", SDKS[0], SDKS[1], SDKS[2]];
        run(&venv.join("bin/pip"), &pip);
        std::fs::write(&ready, SDKS.join("\n")).unwrap();
    }
    Some(venv.join("bin/python"))
}

/// What the vendor's client made of a script.
async fn understood(python: &Path, kind: Kind, says: Vec<Say>) -> Vec<Value> {
    let calls = says.len();
    let fake = Fake::playing(kind, says).await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/sdk.py");
    let mut command = Command::new(python);
    command.arg(script).arg(model(kind)).arg(base_url(kind, &fake.server.uri())).arg(KEY).arg(calls.to_string());
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{kind:?}\n{stdout}\n{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_vendors_own_clients_understand_the_stand_ins() {
    let Some(python) = tokio::task::spawn_blocking(python).await.unwrap() else { return };
    let Say::Words(words) = draft() else { unreachable!() };
    for (kind, stop, cut, blocked, quota, down, key) in [
        (
            Kind::Gemini,
            "STOP",
            "MAX_TOKENS",
            "SAFETY",
            ("ClientError", 429),
            ("ServerError", 503),
            ("ClientError", 400),
        ),
        (
            Kind::Anthropic,
            "end_turn",
            "max_tokens",
            "refusal",
            ("RateLimitError", 429),
            ("OverloadedError", 529),
            ("AuthenticationError", 401),
        ),
        (
            Kind::Openai,
            "stop",
            "length",
            "refused",
            ("RateLimitError", 429),
            ("InternalServerError", 503),
            ("AuthenticationError", 401),
        ),
    ] {
        let wait = Some(Duration::from_secs(7));
        let says = vec![draft(), Say::CutShort, Say::Blocked, Say::Quota(wait), Say::Down(None), Say::BadKey];
        let seen = understood(&python, kind, says).await;
        let usage = json!({"input": 1_000, "cached": 400, "output": 200});
        assert_eq!(seen[0], json!({"text": words, "stop": stop, "usage": usage}), "{kind:?}");
        assert_eq!((&seen[1]["stop"], &seen[2]["stop"]), (&json!(cut), &json!(blocked)), "{kind:?}");
        for (seen, (name, status)) in seen[3..].iter().zip([quota, down, key]) {
            assert_eq!(seen, &json!({"error": name, "status": status}), "{kind:?}");
        }
    }
}
