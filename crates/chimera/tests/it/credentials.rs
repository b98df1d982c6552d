//! The content credentials of the fleet's files, as others read them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    chimera::Chimera,
    contract::{clients, has},
};

/// The official reader for Python, at the version the test was written for.
const READER: &str = "c2pa-python==0.38.1";

/// Where the reader is installed, once.
fn python() -> PathBuf {
    let venv = clients().join("c2pa-python-0.38.1");
    let ready = venv.join("ready");
    if !ready.exists() {
        let run = |program: &Path, args: &[&str]| {
            let output = Command::new(program).args(args).output().unwrap();
            assert!(output.status.success(), "{program:?} {args:?}\n{}", String::from_utf8_lossy(&output.stderr));
        };
        run(Path::new("python3"), &["-m", "venv", "--clear", venv.to_str().unwrap()]);
        run(&venv.join("bin/pip"), &["install", "-q", "--disable-pip-version-check", READER]);
        std::fs::write(&ready, "").unwrap();
    }
    venv.join("bin/python")
}

/// What the reader says of these files.
fn read(files: &[String]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../media/tests/contract/read.py");
    let output = Command::new(python()).arg(script).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_official_reader_validates_them_and_sees_a_flipped_bit() {
    if !has("python3") {
        return;
    }
    let chimera = Chimera::new();
    let summary = chimera.json(&["demo", "--once", "--json", "--seed", "3"]);
    let files: Vec<String> =
        summary["artifacts"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect();
    let of = |extension: &str| files.iter().find(|file| file.ends_with(extension)).unwrap();
    for seen in read(&files) {
        // Nobody vouches for a certificate for tests; everything else holds.
        assert_eq!(
            (&seen["state"], &seen["wrong"]),
            (&"Valid".into(), &["signingCredential.untrusted"][..].into()),
            "{seen:#}"
        );
        assert_eq!(seen["signed_by"]["common_name"], "Chimera TEST certificate");
        let said = seen["assertions"].to_string();
        for part in
            ["c2pa.created", "digitalsourcetype/trainedAlgorithmicMedia", "chimera.origin", "\"fae\"", "trace_id"]
        {
            assert!(said.contains(part), "{part}: {seen:#}");
        }
    }
    for extension in ["jpg", "mp4"] {
        let mut bytes = std::fs::read(of(extension)).unwrap();
        let at = bytes.len() - 200;
        bytes[at] ^= 1;
        let broken = chimera.folder().join(format!("broken.{extension}"));
        std::fs::write(&broken, bytes).unwrap();
        let seen = read(&[broken.to_str().unwrap().to_owned()]).remove(0);
        assert_eq!(seen["state"], "Invalid", "{seen:#}");
    }
}
