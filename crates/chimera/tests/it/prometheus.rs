//! Debian's Prometheus, started for a test; killed when dropped.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::process::PATIENCE;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

/// Runs promtool, which must be content.
pub(crate) fn promtool(args: &[&str], input: &str) -> String {
    let mut tool = Command::new("promtool");
    let tool = tool.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tool.spawn().unwrap_or_else(|error| panic!("promtool: {error}; run scripts/setup-tests"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "promtool {args:?}: {told}");
    told
}

impl Prometheus {
    /// Starts one by this configuration, with its data in this folder.
    pub(crate) fn start(config: &Path, folder: &Path) -> Self {
        // Nobody else is given this port so soon.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = folder.join("prometheus.log");
        let mut program = Command::new("prometheus");
        program
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let child = program.spawn().unwrap_or_else(|error| panic!("prometheus: {error}; run scripts/setup-tests"));
        let prometheus = Self { child, address, log };
        prometheus.wait("ready", || prometheus.ask("/-/ready").is_some_and(|(status, _)| status == 200));
        prometheus
    }

    fn ask(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // HTTP/1.0: an answer in one piece.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// What its API answers.
    pub(crate) fn api(&self, path: &str) -> Value {
        let (status, body) = self.ask(&format!("/api/v1/{path}")).unwrap_or_else(|| panic!("{path}: {}", self.log()));
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert!(status == 200 && answer["status"] == "success", "{path}: {body}");
        answer["data"].clone()
    }

    /// The series that a query gives now: labels and value.
    pub(crate) fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let encoded: String = byte_serialize(query.as_bytes()).collect();
        let data = self.api(&format!("query?query={encoded}"));
        let series = data["result"].as_array().unwrap_or_else(|| panic!("{query}: {data}"));
        series.iter().map(|one| (one["metric"].clone(), one["value"][1].as_str().unwrap().parse().unwrap())).collect()
    }

    /// The labels of the alerts of this name that fire.
    pub(crate) fn firing(&self, name: &str) -> Vec<Value> {
        let data = self.api("alerts");
        let alerts = data["alerts"].as_array().unwrap().iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing" && alert["labels"]["alertname"] == name);
        firing.map(|alert| alert["labels"].clone()).collect()
    }

    /// Waits for a condition.
    pub(crate) fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "not {what}\n{}", self.log());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
