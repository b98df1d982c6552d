//! One Redis process and its minder: a small shell that reads from a pipe held open by this process alone. When the pipe
//! closes, for whatever reason, the shell ends the server and removes its folder.

use std::{
    ffi::OsString,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::port;

/// A `redis-server` of someone's choice.
pub(super) const PROGRAM_VARIABLE: &str = "CHIMERA_REDIS_SERVER";

/// A free port may be taken between finding and using it.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// How long a server may take to come up.
const START_MAX: Duration = Duration::from_secs(30);

/// How often the server's log is looked at while it comes up.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Arguments: the server's program, its port, its folder. SIGKILL, because there is nothing to save.
const MINDER: &str = r#"
"$1" --port "$2" --bind 127.0.0.1 --save '' --appendonly no --dir "$3" --daemonize no --loglevel notice \
    >"$3/log" 2>&1 </dev/null &
server=$!
trap '' INT TERM HUP
read -r _
kill -KILL "$server" 2>/dev/null
wait "$server"
rm -rf "$3"
"#;

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    minder: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// Starts a server on a free port.
    pub(super) fn start(program: &Path) -> anyhow::Result<Self> {
        for _ in 0..PORT_ATTEMPTS_MAX {
            if let Some(server) = Self::try_at(program, port::free()?)? {
                return Ok(server);
            }
        }
        bail!("every port that was free a moment ago was taken when the server wanted it");
    }

    /// Starts a server on this port.
    pub(super) fn start_at(program: &Path, port: u16) -> anyhow::Result<Self> {
        Self::try_at(program, port)?.with_context(|| format!("port {port} is taken"))
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    #[cfg(test)]
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `None` when the port is taken.
    fn try_at(program: &Path, port: u16) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("chimera-redis-").tempdir().context("making a folder")?;
        let minder = mind(program, folder.path(), port)?;
        let server = Self { minder, folder: folder.path().to_owned(), port };
        if server.is_up()? {
            // From here on the minder removes it.
            let _ = TempDir::keep(folder);
            return Ok(Some(server));
        }
        Ok(None)
    }

    /// Waits until the server answers; `false` when its port is taken.
    fn is_up(&self) -> anyhow::Result<bool> {
        let patience = Instant::now() + START_MAX;
        while Instant::now() < patience {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            // The log and not the port is asked: another process may answer on a port that was taken.
            if log.contains("Ready to accept connections") {
                return Ok(true);
            }
            if log.contains("Address already in use") {
                return Ok(false);
            }
            if ["Fatal", "FATAL", "Failed listening", "not found", "cannot open shared object", "Permission denied"]
                .iter()
                .any(|trouble| log.contains(trouble))
            {
                bail!("Redis does not start: {}", log.trim());
            }
            thread::sleep(LOOK_EVERY);
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("Redis did not come up within {START_MAX:?}; it said: {}", log.trim());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.minder.stdin.take());
        // A minder that can't be waited for is ended by init; there is nobody to tell.
        let _ = self.minder.wait();
    }
}

/// The program: the one that was named, else the first on the path.
pub(super) fn find(named: Option<OsString>, path: Option<OsString>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        let program = PathBuf::from(named);
        if !is_program(&program) {
            bail!("{PROGRAM_VARIABLE} is {}, which is no program; set it to a redis-server", program.display());
        }
        return Ok(program);
    }
    std::env::split_paths(&path.unwrap_or_default())
        .map(|folder| folder.join("redis-server"))
        .find(|p| is_program(p))
        .with_context(|| {
            format!(
                "there is no redis-server on the path; install it (on Debian: apt-get install redis-server), or set \
                 {PROGRAM_VARIABLE} to where it is"
            )
        })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn mind(program: &Path, folder: &Path, port: u16) -> anyhow::Result<Child> {
    Command::new("sh")
        .args(["-c", MINDER, "minder"])
        .arg(program)
        .arg(port.to_string())
        .arg(folder)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C in the terminal must not end the minder before its work is done.
        .process_group(0)
        .spawn()
        .context("starting Redis")
}
