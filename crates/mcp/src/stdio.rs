//! Child processes as servers: a bare environment, a process group of their own, and no way to outlive us.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{ChildStdin, ChildStdout, Command},
};
use tokio_util::task::TaskTracker;

use crate::{
    line_guard::LineGuard,
    secret::{Redaction, Secret},
};

/// What a child inherits; anything else must be configured.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Longest wait for a child to leave after its input is closed, and again after it is asked to terminate.
const LEAVE_WAIT: Duration = Duration::from_secs(2);

/// Longest wait for the last words of a child that failed to greet.
const SETTLE_WAIT: Duration = Duration::from_millis(200);

/// Longest line of a child's standard error that is logged, in bytes.
const STDERR_LINE_BYTES_MAX: u64 = 2 * 1024;

/// Lines of standard error kept for a connection error.
const STDERR_LINES_KEPT: usize = 5;

const SIGTERM: i32 = 15;

/// What to start, secrets already put in.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, Secret)>,
    pub(crate) cwd: Option<std::path::PathBuf>,
}

impl Program {
    /// Starts it. Its standard error goes to the log, and its end to `words`.
    pub(crate) fn start(
        &self,
        server: &str,
        line_bytes_max: usize,
        redaction: Redaction,
        words: LastWords,
        tracker: &TaskTracker,
    ) -> io::Result<StdioTransport> {
        let mut command = Command::new(&self.command);
        command.args(&self.args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(self.env.iter().map(|(name, value)| (name, value.expose())));
        if let Some(folder) = &self.cwd {
            command.current_dir(folder);
        }
        let mut command = CommandWrap::from(command);
        command.wrap(ProcessGroup::leader());
        let mut child = command.spawn()?;
        let taken = || io::Error::other("a standard stream is missing");
        let stdin = child.stdin().take().ok_or_else(taken)?;
        let stdout = child.stdout().take().ok_or_else(taken)?;
        let stderr = child.stderr().take().ok_or_else(taken)?;
        let drained = words.drains.clone();
        tracker.spawn(drained.track_future(drain(stderr, server.to_owned(), redaction, words)));
        let lines = AsyncRwTransport::new_client(LineGuard::new(stdout, line_bytes_max), stdin)
            // The guard has bounded them already.
            .with_max_line_length(usize::MAX);
        Ok(StdioTransport { lines, child: Group(Some(child)) })
    }
}

/// A child's last lines of standard error, secrets struck out.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    drains: TaskTracker,
}

impl LastWords {
    /// Waits a little for the words of children that have ended: they travel on another pipe than the answers.
    pub(crate) async fn settle(&self) {
        self.drains.close();
        // Without its last words an error is poorer, not wrong.
        let _ = tokio::time::timeout(SETTLE_WAIT, self.drains.wait()).await;
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == STDERR_LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn read(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

/// Logs standard error line by line until it ends, so that the child never blocks on it. Memory is bounded: the rest of
/// an overlong line counts as the next line.
async fn drain(stderr: impl AsyncRead + Unpin, server: String, redaction: Redaction, words: LastWords) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(STDERR_LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = redaction.apply(String::from_utf8_lossy(&line).trim_end());
        if !text.is_empty() {
            tracing::debug!(target: "chimera_mcp::stderr", mcp_server = server, "{text}");
            words.push(text);
        }
    }
}

/// A child's process group; killed when dropped.
#[derive(Debug)]
struct Group(Option<Box<dyn ChildWrapper>>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may be gone already. Tokio reaps the child itself once its handle is dropped.
            let _ = child.start_kill();
        }
    }
}

impl Group {
    /// Waits for it to leave by itself, then asks, then kills.
    async fn leave(&mut self) -> io::Result<()> {
        let Some(child) = self.0.as_mut() else { return Ok(()) };
        if tokio::time::timeout(LEAVE_WAIT, child.wait()).await.is_err() {
            child.signal(SIGTERM)?;
            if tokio::time::timeout(LEAVE_WAIT, child.wait()).await.is_err() {
                child.start_kill()?;
                child.wait().await?;
            }
        }
        self.0 = None;
        Ok(())
    }
}

/// The connection to a child.
pub(crate) struct StdioTransport {
    lines: AsyncRwTransport<RoleClient, LineGuard<ChildStdout>, ChildStdin>,
    child: Group,
}

impl Transport<RoleClient> for StdioTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.lines.send(message)
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleClient>>> + Send {
        self.lines.receive()
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.lines.close().await?;
        self.child.leave().await
    }
}
