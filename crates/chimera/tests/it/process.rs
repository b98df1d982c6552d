//! A role that runs as a process of its own, and what it answers.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ExitStatus},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::chimera::Chimera;

/// How long anything may take here before the test gives up: the machine may be slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The commands of the four roles.
pub(crate) const PLANNER: [&str; 2] = ["planner", "serve"];
pub(crate) const WORKER: [&str; 2] = ["worker", "start-pool"];
pub(crate) const JUDGE: [&str; 2] = ["judge", "serve"];
pub(crate) const PUBLISHER: [&str; 2] = ["publisher", "serve"];

/// A running role; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    log: PathBuf,
    address: SocketAddr,
}

impl Process {
    /// Starts a role on a free port and waits until it says which.
    pub(crate) fn start(chimera: &Chimera, command: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let log = chimera.folder().join(format!("{}-{number}.log", command[0]));
        let args = [command, &["--bind", "127.0.0.1:0"]].concat();
        let mut child = chimera.start_logging(&args, &log);
        let until = Instant::now() + PATIENCE;
        loop {
            let lines = read_log(&log);
            let told = lines.iter().find_map(|line| line["address"].as_str().map(str::to_owned));
            if let Some(address) = told {
                return Self { child, log, address: address.parse().unwrap() };
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{command:?} does not listen: {ended:?} {lines:#?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Where it answers.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a path; status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What is missing, by `/ready`; empty when it is ready.
    pub(crate) fn missing(&self) -> Vec<String> {
        let (status, body) = self.get("/ready");
        let report: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status == 200, report["ready"] == true, "{report}");
        report["missing"].as_array().unwrap().iter().map(|m| m.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until exactly this is missing.
    pub(crate) fn wait_missing(&self, wanted: &[&str]) {
        self.wait(&format!("missing {wanted:?}"), || self.missing() == wanted);
    }

    /// Waits for a condition.
    pub(crate) fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "not {what}; {:?}\n{}", self.get("/ready"), self.log_text());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// A metric's value, named as in the text, with labels if it has some.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// The lines of its log.
    pub(crate) fn lines(&self) -> Vec<Value> {
        read_log(&self.log)
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end\n{}", self.log_text());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.log_text());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_log(log: &PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}
