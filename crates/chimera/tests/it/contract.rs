//! Our servers over stdio, as the official clients see them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::chimera::Chimera;

/// The version of the official Python SDK that the contract is checked with.
const SDK: &str = "mcp>=2.3,<2.4";

/// Where the official clients are installed, once.
pub(crate) fn clients() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("contract")
}

/// Runs a contract script of the servers crate against both servers.
fn contract(program: &Path, name: &str) {
    let chimera = Chimera::new();
    let feed = chimera.file("feed.xml", include_str!("../../assets/fashion_drop.xml"));
    let feed = format!("drop={}", feed.display());
    let binary = env!("CARGO_BIN_EXE_chimera");
    for (kind, server) in [("feeds", vec!["mcp", "feeds", "--feed", &feed]), ("studio", vec!["mcp", "studio"])] {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../servers/tests/contract").join(name);
        let mut command = Command::new(program);
        command.arg(script).arg(kind).arg(binary).arg("--data-dir").arg(chimera.data()).args(server);
        command.env("CHIMERA_CONTRACT_DIR", clients()).env("CHIMERA_MIND__PROVIDER", "offline");
        let output = command.current_dir(chimera.folder()).stdin(Stdio::null()).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{name} {kind}\n{stdout}");
        assert!(output.status.success(), "{name} {kind}\n{stdout}\n{stderr}");
    }
}

/// Whether a program that only this test needs is there. In CI it must be; elsewhere the test says that it was skipped.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "{program} is missing, and CI must run this test");
    if !found {
        println!("SKIPPED: {program} is not installed");
    }
    found
}

#[test]
fn the_official_inspector_is_content() {
    if has("node") && has("npm") && has("jq") {
        contract(Path::new("bash"), "inspector.sh");
    }
}

#[test]
fn the_official_sdk_is_content() {
    if !has("python3") {
        return;
    }
    let venv = clients().join("python");
    let ready = venv.join("ready");
    if !ready.exists() {
        let run = |program: &Path, args: &[&str]| {
            let output = Command::new(program).args(args).output().unwrap();
            assert!(output.status.success(), "{program:?} {args:?}\n{}", String::from_utf8_lossy(&output.stderr));
        };
        run(Path::new("python3"), &["-m", "venv", "--clear", venv.to_str().unwrap()]);
        run(&venv.join("bin/pip"), &["install", "-q", "--disable-pip-version-check", SDK, "jsonschema"]);
        std::fs::write(&ready, "").unwrap();
    }
    contract(&venv.join("bin/python"), "sdk_client.py");
}
