//! A server that speaks S3 for one test process: moto, from PyPI.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{port, wheel::Wheel};

const WHEEL: Wheel =
    Wheel { folder: "moto-s3", packages: &["moto[s3]==5.2.*", "flask", "flask-cors"], has_dependencies: true };

/// How long a server may take to come up, an answer to come, and between two looks.
const START_MAX: Duration = Duration::from_secs(60);
const ANSWER_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A free port may be taken between finding and using it.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// What moto takes for a signature; without one it shows no object.
const ANYBODY: &str =
    "AWS4-HMAC-SHA256 Credential=anybody/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A small shell that ends the server and removes its folder when the pipe closes that this process holds open. Arguments:
/// the program, its port, its folder.
const MINDER: &str = r#"
"$1" -H 127.0.0.1 -p "$2" >"$3/log" 2>&1 </dev/null &
server=$!
trap '' INT TERM HUP
read -r _
kill -KILL "$server" 2>/dev/null
wait "$server"
rm -rf "$3"
"#;

/// A throwaway server that speaks S3 on a free port of the loopback interface, gone when the process ends. It takes any
/// keys.
#[derive(Debug)]
pub struct TestS3 {
    minder: Child,
    folder: PathBuf,
    port: u16,
    buckets: AtomicU32,
}

/// A bucket of its own in it.
#[derive(Debug, Clone)]
pub struct TestBucket {
    port: u16,
    /// Its name.
    pub name: String,
}

impl TestS3 {
    /// This process's server, started on first use. None where it can't be had; then it says so on standard error.
    ///
    /// # Panics
    /// In CI, where it must be had.
    #[must_use]
    #[expect(clippy::panic, clippy::print_stderr, reason = "only tests call this, and must not pass unseen without it")]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<TestS3, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start().map_err(|e| format!("{e:#}"))) {
            Ok(server) => Some(server),
            Err(error) if std::env::var_os("CI").is_some() => panic!("no S3 for the tests: {error}"),
            Err(error) => {
                eprintln!("SKIPPED, there is no S3 for the tests: {error}");
                None
            }
        }
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When it can't be had or does not come up; the message says what to do.
    pub fn start() -> anyhow::Result<Self> {
        let program = |venv: &Path| Some(venv.join("bin/moto_server")).filter(|program| program.is_file());
        let program = WHEEL.find(program, "install python3 with its venv and pip modules")?;
        for _ in 0..PORT_ATTEMPTS_MAX {
            if let Some(server) = Self::try_at(&program, port::free()?)? {
                return Ok(server);
            }
        }
        bail!("every port that was free a moment ago was taken when the server wanted it");
    }

    /// A fresh bucket.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn bucket(&self) -> anyhow::Result<TestBucket> {
        let name = format!("test-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        let bucket = TestBucket { port: self.port, name };
        bucket.ask("PUT", "", &[])?;
        Ok(bucket)
    }

    /// `None` when the port is taken.
    fn try_at(program: &Path, port: u16) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("chimera-s3-").tempdir().context("making a folder")?;
        let minder = Command::new("sh")
            .args(["-c", MINDER, "minder"])
            .arg(program)
            .arg(port.to_string())
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal must not end the minder before its work is done.
            .process_group(0)
            .spawn()
            .context("starting moto")?;
        let server = Self { minder, folder: folder.path().to_owned(), port, buckets: AtomicU32::new(0) };
        if server.is_up()? {
            // From here on the minder removes it.
            let _ = TempDir::keep(folder);
            return Ok(Some(server));
        }
        Ok(None)
    }

    /// Waits until the server listens; `false` when its port is taken.
    fn is_up(&self) -> anyhow::Result<bool> {
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let patience = Instant::now() + START_MAX;
        while Instant::now() < patience {
            // The log and not the port is asked: another process may answer on a port that was taken.
            if log().contains("Running on http") {
                return Ok(true);
            }
            if log().contains("in use") {
                return Ok(false);
            }
            if log().contains("Traceback") {
                bail!("moto does not start: {}", log().trim());
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("moto did not come up within {START_MAX:?}; it said: {}", log().trim());
    }
}

impl Drop for TestS3 {
    fn drop(&mut self) {
        drop(self.minder.stdin.take());
        // A minder that can't be waited for is ended by init; there is nobody to tell.
        let _ = self.minder.wait();
    }
}

impl TestBucket {
    /// The server's address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Writes an object past all clients.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn put(&self, key: &str, bytes: &[u8]) -> anyhow::Result<()> {
        self.ask("PUT", key, bytes).map(drop)
    }

    /// An object's bytes and its headers, a line each.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, key: &str) -> anyhow::Result<(String, Vec<u8>)> {
        self.ask("GET", key, &[])
    }

    /// The names of all objects, in order.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn keys(&self) -> anyhow::Result<Vec<String>> {
        let (_, listed) = self.ask("GET", "?list-type=2", &[])?;
        let listed = String::from_utf8(listed)?;
        let keys = listed.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        Ok(keys.map(|(key, _)| key.to_owned()).collect())
    }

    /// Sends one request, signed by nobody whom the server would know, and gives the head and body of the answer.
    fn ask(&self, method: &str, key: &str, body: &[u8]) -> anyhow::Result<(String, Vec<u8>)> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX).context("connecting to moto")?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let head = format!(
            "{method} /{}/{key} HTTP/1.0\r\nHost: {address}\r\nAuthorization: {ANYBODY}\r\nContent-Length: {}\r\n\r\n",
            self.name,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = BufReader::new(stream);
        let mut head = String::new();
        while answer.read_line(&mut head)? > 2 {}
        let mut content = Vec::new();
        answer.read_to_end(&mut content)?;
        if !head.split_whitespace().nth(1).is_some_and(|status| status.starts_with('2')) {
            bail!("{method} {key}: {}", head.trim());
        }
        Ok((head, content))
    }
}
