//! A PostgreSQL server for one test process.

mod binaries;
mod server;

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, bail};

use server::Server;

/// A throwaway PostgreSQL 16 on a free port of the loopback interface. It stops, and its data are removed, when this
/// value is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct TestPostgres {
    server: Server,
    databases: AtomicU32,
}

/// A fresh, empty database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestDatabase {
    /// `postgres://postgres@127.0.0.1:PORT/NAME`.
    pub url: String,
}

impl TestPostgres {
    /// This process's server, started on first use.
    ///
    /// # Panics
    /// When no server can be started; the message says what to install or set.
    #[must_use]
    #[expect(clippy::panic, reason = "only tests call this, and a test without its server has failed")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<TestPostgres, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start().map_err(|e| format!("{e:#}"))) {
            Ok(server) => server,
            Err(error) => panic!("no PostgreSQL for the tests: {error}"),
        }
    }

    /// Starts a server. Blocks, the first time on a machine for as long as a download of 73 MB takes.
    ///
    /// # Errors
    /// When the binaries can't be fetched or the server does not come up; the message says what to do.
    pub fn start() -> anyhow::Result<Self> {
        let install = binaries::find()?;
        Ok(Self { server: Server::start(&install)?, databases: AtomicU32::new(0) })
    }

    /// Creates a fresh, empty database.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn database(&self) -> anyhow::Result<TestDatabase> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name}"))?;
        Ok(TestDatabase { url: self.url(&name) })
    }

    /// The connection string of a database of this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.server.port())
    }

    fn sql(&self, statement: &str) -> anyhow::Result<()> {
        let output = self.server.client("psql").args(["--dbname=postgres", "--quiet", "-c", statement]).output();
        let output = output.context("running psql")?;
        if !output.status.success() {
            bail!("{statement}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead as _, BufReader},
        net::{SocketAddr, TcpStream},
        path::{Path, PathBuf},
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    fn answers(port: u16) -> bool {
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(200)).is_ok()
    }

    fn wait_until_gone(port: u16, folder: &Path) {
        let patience = Instant::now() + Duration::from_secs(20);
        while (answers(port) || folder.exists()) && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!answers(port) && !folder.exists(), "{} is left behind", folder.display());
    }

    #[test]
    fn a_dropped_server_is_gone_with_its_data() {
        let postgres = TestPostgres::start().unwrap();
        assert_ne!(postgres.database().unwrap(), postgres.database().unwrap());
        let (port, folder) = (postgres.server.port(), postgres.server.folder().to_owned());
        assert!(answers(port) && folder.exists());
        drop(postgres);
        wait_until_gone(port, &folder);
    }

    #[test]
    #[ignore = "run by the next test in a process of its own, and killed there"]
    fn holds_a_server() {
        let server = &TestPostgres::shared().server;
        println!("\nholding {} {}", server.port(), server.folder().display());
        thread::park();
    }

    #[test]
    fn a_killed_process_leaves_no_server_behind() {
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "postgres::tests::holds_a_server", "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
        let held = lines.into_iter().find_map(|line| Some(line.strip_prefix("holding ")?.to_owned())).unwrap();
        let (port, folder) = held.split_once(' ').unwrap();
        let (port, folder) = (port.parse().unwrap(), PathBuf::from(folder));
        assert!(answers(port) && folder.exists());
        holder.kill().unwrap();
        holder.wait().unwrap();
        wait_until_gone(port, &folder);
    }
}
