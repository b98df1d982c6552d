//! One server process and its minder.
//!
//! A static in a test binary is never dropped, and a test may be killed. So the server is the child of a small shell
//! that reads from a pipe held open by this process alone: when the pipe closes, for whatever reason, the shell stops the
//! server and removes its folder. Until then it takes orders, one word a line, and answers each with the same word.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::{Durability, Stop};
use crate::port;

/// `nobody` and `nogroup`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A free port may be taken between finding and using it.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// How long a server may take to come up.
const START_MAX: Duration = Duration::from_secs(60);

/// How often the server's own status file is looked at while it comes up.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Arguments: the server's program, its data folder, its port, the folder to remove, `synchronous_commit`, `fsync`,
/// `shared_buffers`, `max_wal_size`. Where nothing is to outlive a power cut, `fsync` is off; what a commit hands to the
/// system outlives the server all the same.
const MINDER: &str = r#"
serve() {
    "$1" -D "$2" -p "$3" -h 127.0.0.1 -c unix_socket_directories= -c fsync="$6" -c synchronous_commit="$5" \
        -c full_page_writes="$5" -c shared_buffers="$7" -c max_connections=300 -c max_wal_size="$8" \
        >>"$4/log" 2>&1 </dev/null &
    server=$!
}
finish() {
    [ -z "$server" ] || kill "$1" "$server" 2>/dev/null
    [ -z "$server" ] || wait "$server"
    server=
}
keep=
trap '' INT TERM HUP
serve "$@"
while read -r order; do
    case $order in
        fast) finish -INT ;;
        immediate) finish -QUIT; rm -f "$2/postmaster.pid" ;;
        start) [ -n "$server" ] || serve "$@" ;;
        keep) keep=1 ;;
    esac
    echo "$order"
done
finish -QUIT
[ -n "$keep" ] || rm -rf "$4"
"#;

/// A server, running unless it was told to stop.
#[derive(Debug)]
pub(super) struct Server {
    minder: Mutex<Minder>,
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// The shell, and what it answers.
#[derive(Debug)]
struct Minder {
    shell: Child,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Makes a data folder and starts a server over it.
    pub(super) fn start(install: &Path, durability: Durability) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("chimera-postgres-").tempdir().context("making a folder")?;
        let is_root = fs::metadata(folder.path())?.uid() == 0;
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).context("giving the folder to nobody")?;
        }
        let user = is_root.then_some(NOBODY);
        let programs = programs(install, folder.path(), user)?;
        make_data(&programs, folder.path(), user)?;
        for _ in 0..PORT_ATTEMPTS_MAX {
            let port = port::free()?;
            let server = Self {
                minder: Mutex::new(mind(&programs, folder.path(), port, user, durability)?),
                programs: programs.clone(),
                folder: folder.path().to_owned(),
                port,
            };
            if server.is_up()? {
                // From here on the minder removes it.
                let _ = folder.keep();
                return Ok(server);
            }
        }
        bail!("every port that was free a moment ago was taken when the server wanted it");
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends the server; its data stay.
    pub(super) fn stop(&self, how: Stop) -> anyhow::Result<()> {
        self.order(match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        })
    }

    /// Starts a server that was stopped, and waits until it takes connections.
    pub(super) fn start_again(&self) -> anyhow::Result<()> {
        self.order("start")?;
        let patience = Instant::now() + START_MAX;
        while !self.is_ready() {
            if Instant::now() > patience {
                bail!("PostgreSQL did not come back within {START_MAX:?}; see {}", self.folder.join("log").display());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// From now on the folder is not removed when the server ends.
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        self.order("keep")
    }

    fn order(&self, order: &str) -> anyhow::Result<()> {
        let mut minder = self.minder.lock().unwrap_or_else(PoisonError::into_inner);
        let Minder { shell, answers } = &mut *minder;
        let mut orders = shell.stdin.as_ref().context("the minder takes no more orders")?;
        writeln!(orders, "{order}").with_context(|| format!("telling the minder: {order}"))?;
        let mut answer = String::new();
        answers.read_line(&mut answer).with_context(|| format!("awaiting the minder's answer to {order}"))?;
        if answer.trim_end() != order {
            bail!("the minder answered {answer:?} to {order}");
        }
        Ok(())
    }

    /// The server writes "ready" on the eighth line of this file once it takes connections.
    fn is_ready(&self) -> bool {
        let status = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        status.lines().nth(7).is_some_and(|line| line.trim() == "ready")
    }

    /// A client program, told where the server is.
    pub(super) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["--host=127.0.0.1", "--username=postgres", "--no-password"]).arg(format!("--port={}", self.port));
        command
    }

    /// Waits until the server answers; `false` when its port is taken.
    fn is_up(&self) -> anyhow::Result<bool> {
        let patience = Instant::now() + START_MAX;
        while Instant::now() < patience {
            if self.is_ready() {
                return Ok(true);
            }
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("Address already in use") {
                // Without its folder the minder has nothing to remove; the next attempt uses it again.
                let mut minder = self.minder.lock().unwrap_or_else(PoisonError::into_inner);
                minder.shell.kill().context("ending the minder")?;
                minder.shell.wait().context("ending the minder")?;
                fs::remove_file(self.folder.join("log")).context("removing the log")?;
                return Ok(false);
            }
            if log.contains("FATAL") || log.contains("No such file") || log.contains("cannot open shared object") {
                bail!("PostgreSQL does not start: {}", log.trim());
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("PostgreSQL did not come up within {START_MAX:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let minder = self.minder.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(minder.shell.stdin.take());
        // A minder that can't be waited for is ended by init; there is nobody to tell.
        let _ = minder.shell.wait();
    }
}

/// The programs, where `user` can run them: a checkout below root's home can't be reached by nobody, so they are copied.
fn programs(install: &Path, folder: &Path, user: Option<u32>) -> anyhow::Result<PathBuf> {
    let programs = install.join("bin");
    let Some(user) = user else { return Ok(programs) };
    let runs = |programs: &Path| {
        let mut command = Command::new(programs.join("postgres"));
        as_user(command.arg("--version"), Some(user), folder).output().is_ok_and(|o| o.status.success())
    };
    if runs(&programs) {
        return Ok(programs);
    }
    let copy = folder.join("install");
    let owner = format!("{user}:{user}");
    let copied = Command::new("cp").arg("-R").arg(install).arg(&copy).status().context("running cp")?;
    let given = Command::new("chown").args(["-R", &owner]).arg(&copy).status().context("running chown")?;
    let programs = copy.join("bin");
    if copied.success() && given.success() && runs(&programs) {
        return Ok(programs);
    }
    bail!("user {user} can run PostgreSQL neither from {} nor from {}", install.display(), copy.display());
}

fn make_data(programs: &Path, folder: &Path, user: Option<u32>) -> anyhow::Result<()> {
    let mut initdb = Command::new(programs.join("initdb"));
    initdb
        .args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ])
        .arg("-D")
        .arg(folder.join("data"));
    let output = as_user(&mut initdb, user, folder).output().context("running initdb")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn mind(
    programs: &Path,
    folder: &Path,
    port: u16,
    user: Option<u32>,
    durability: Durability,
) -> anyhow::Result<Minder> {
    let mut minder = Command::new("sh");
    minder
        .args(["-c", MINDER, "minder"])
        .arg(programs.join("postgres"))
        .arg(folder.join("data"))
        .arg(port.to_string())
        .arg(folder)
        .args(match durability {
            Durability::None => ["off", "off", "32MB", "256MB"],
            Durability::Restarts => ["on", "off", "32MB", "256MB"],
            Durability::PowerCuts => ["on", "on", "256MB", "4GB"],
        })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A Ctrl-C in the terminal must not end the minder before its work is done.
        .process_group(0);
    let mut shell = as_user(&mut minder, user, folder).spawn().context("starting PostgreSQL")?;
    let answers = BufReader::new(shell.stdout.take().context("the minder has no standard output")?);
    Ok(Minder { shell, answers })
}

fn as_user<'a>(command: &'a mut Command, user: Option<u32>, folder: &Path) -> &'a mut Command {
    if let Some(user) = user {
        command.uid(user).gid(user).env("HOME", folder);
    }
    // The working folder may be closed to that user.
    command.current_dir(folder)
}
