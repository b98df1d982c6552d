//! This very program as a process of its own.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::Instant,
};

use super::{ground::Place, wire::Wire};

/// How long anything may take here before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a process is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// Lines of its log that are told when it fails.
const LINES_TOLD: usize = 20;

/// This program, in the place's folder and with nothing of the caller's environment: neither a configuration nor a key.
pub(super) fn this_program(place: &Place) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("where this program lies")?);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.current_dir(&place.folder).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// `chimera up`, running.
pub(super) struct Up {
    child: Child,
    spawned: Instant,
    address: SocketAddr,
    log: Lines<BufReader<ChildStderr>>,
    /// How long it took from nothing to where the console listens.
    pub(super) listening: Duration,
}

impl Up {
    /// Starts it with these settings beside the defaults, and waits until it says where it listens.
    pub(super) async fn spawn(place: &Place, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        let mut command = this_program(place)?;
        command.args(["--log", "error", "up", "--bind", "127.0.0.1:0"]);
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let spawned = Instant::now();
        let mut child = command.spawn().context("starting `chimera up`")?;
        let log = child.stderr.take().context("the child has no standard error")?;
        let mut log = BufReader::new(log).lines();
        let mut told = Vec::new();
        let listens = async {
            while let Some(line) = log.next_line().await? {
                if let Some(address) = line.strip_prefix("console").and_then(|rest| rest.trim().strip_prefix("http://"))
                {
                    return Ok(address.parse::<SocketAddr>()?);
                }
                told.push(line);
            }
            anyhow::bail!("it ended")
        };
        let listens = tokio::time::timeout(PATIENCE, listens).await.context("it does not say where it listens");
        match listens.and_then(|address| address) {
            Ok(address) => Ok(Self { child, spawned, address, log, listening: spawned.elapsed() }),
            Err(error) => {
                let last = told.split_off(told.len().saturating_sub(LINES_TOLD));
                Err(error.context(format!("`chimera up` did not start:\n{}", last.join("\n"))))
            }
        }
    }

    /// Asks until it is ready. Gives the time from its start.
    pub(super) async fn ready(&mut self) -> anyhow::Result<Duration> {
        let asking = async {
            let mut wire = Wire::connect(self.address).await?;
            loop {
                let (status, body) = wire.get("/ready").await?;
                if status == 200 {
                    return Ok(self.spawned.elapsed());
                }
                if self.spawned.elapsed() > PATIENCE {
                    anyhow::bail!("`chimera up` is not ready: {}", String::from_utf8_lossy(&body));
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        match asking.await {
            Ok(took) => Ok(took),
            Err(error) => Err(error.context(format!("`chimera up` does not get ready:\n{}", self.rest_of_log().await))),
        }
    }

    async fn rest_of_log(&mut self) -> String {
        // It may go on running and say nothing more.
        let mut lines = Vec::new();
        while lines.len() < LINES_TOLD
            && let Ok(Ok(Some(line))) = tokio::time::timeout(Duration::from_millis(200), self.log.next_line()).await
        {
            lines.push(line);
        }
        lines.join("\n")
    }

    /// What `/metrics` says now.
    pub(super) async fn metrics(&self) -> anyhow::Result<Metrics> {
        let (status, body) = Wire::connect(self.address).await?.get("/metrics").await?;
        anyhow::ensure!(status == 200, "/metrics answers {status}");
        Ok(Metrics(String::from_utf8(body)?))
    }

    /// The process's number.
    pub(super) fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("`chimera up` has ended")
    }

    /// Ends it in order. Gives how long that took.
    pub(super) async fn stop(mut self) -> anyhow::Result<Duration> {
        let id = self.id()?.to_string();
        let asked = Instant::now();
        let signalled = Command::new("kill").args(["-TERM", &id]).status().await.context("`kill` can't be run")?;
        anyhow::ensure!(signalled.success(), "`kill -TERM {id}` failed");
        let ended = async {
            // What it still says must not fill the pipe.
            while let Ok(Some(_)) = self.log.next_line().await {}
            self.child.wait().await
        };
        let status = tokio::time::timeout(PATIENCE, ended).await.context("`chimera up` does not end")??;
        anyhow::ensure!(status.success(), "`chimera up` ended with {status}");
        Ok(asked.elapsed())
    }
}

/// What `/metrics` says.
pub(super) struct Metrics(String);

impl Metrics {
    /// The sum of a metric's values over all its labels; nothing where it is absent.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        values.reduce(|sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let metrics = Metrics("# TYPE a counter\na{x=\"1\"} 2\na{x=\"2\"} 3.5\na_total 9\nb 4\n".to_owned());
        assert_eq!((metrics.sum("a"), metrics.sum("b"), metrics.sum("c")), (Some(5.5), Some(4.0), None));
    }
}
