//! Our servers over stdio: a plain client of our own here, and the official clients in scripts.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::chimera::Chimera;

/// Reads one resource over stdio, in the 2025-11-25 revision, without any MCP library: the bytes on the wire count.
pub(crate) fn resource(chimera: &Chimera, server: &[&str], uri: &str) -> Value {
    let mut child =
        chimera.command(server).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |message: Value| {
        writeln!(stdin, "{message}").unwrap();
        let Some(id) = message.get("id").cloned() else { return Value::Null };
        loop {
            let answer: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{answer}");
                return answer["result"].clone();
            }
        }
    };
    let hello =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    ask(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}));
    ask(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let read = ask(json!({"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": uri}}));
    drop(stdin);
    child.wait().unwrap();
    serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap()
}

/// Runs a contract script of the servers crate with the binary's command line; it prints SKIPPED when its client can't be had.
fn script(name: &str, args: &[&str]) {
    let chimera = Chimera::new();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../servers/tests/contract").join(name);
    let output = Command::new(script)
        .args(args)
        .arg("--")
        .args([env!("CARGO_BIN_EXE_chimera"), "--data-dir"])
        .arg(chimera.data())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stdout}");
    assert!(output.status.success(), "{name} {args:?}\n{stdout}\n{stderr}");
}

#[test]
fn the_official_inspector_is_content() {
    script("inspector.sh", &[]);
}

#[test]
fn the_official_sdk_is_content() {
    script("sdk_client.py", &[]);
}
