//! A PostgreSQL server for one test process.

mod binaries;
mod server;

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
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

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// In order: connections are cut, a checkpoint is written.
    Fast,
    /// As in a crash: everything is dropped, and the next start recovers.
    Immediate,
}

/// What of a server's data outlives the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The last commits may be gone; tests that never stop it want speed.
    None,
    /// Every commit that was answered.
    Restarts,
    /// The same, through a power cut too: for whoever measures.
    PowerCuts,
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
        Self::start_with(Durability::None)
    }

    /// The same, for tests that stop it: what was committed outlives the server, as in production. (Not a power cut.)
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_durable() -> anyhow::Result<Self> {
        Self::start_with(Durability::Restarts)
    }

    /// The same, with `fsync` and room for a benchmark: a commit that was answered outlives a power cut.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_safe() -> anyhow::Result<Self> {
        Self::start_with(Durability::PowerCuts)
    }

    fn start_with(durability: Durability) -> anyhow::Result<Self> {
        let install = binaries::find()?;
        Ok(Self { server: Server::start(&install, durability)?, databases: AtomicU32::new(0) })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port())
    }

    /// Stops the server; connections are cut, its data and its address stay. Stopping it twice is harmless.
    ///
    /// # Errors
    /// When its minder is gone.
    pub fn stop(&self, how: Stop) -> anyhow::Result<()> {
        self.server.stop(how)
    }

    /// Starts a stopped server again at the same address, and waits until it takes connections. One that runs is left
    /// alone.
    ///
    /// # Errors
    /// When it does not come up, as when someone else took the port meanwhile.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.server.start_again()
    }

    /// Keeps the data folder when the server ends, for a look at what a failed test left; says where it is.
    ///
    /// # Errors
    /// When its minder is gone.
    pub fn keep(&self) -> anyhow::Result<PathBuf> {
        self.server.keep()?;
        Ok(self.server.folder().join("data"))
    }

    /// What a query gives, in the plain form of `psql`: a line for each row, `|` between values.
    ///
    /// # Errors
    /// When the server is stopped or refuses.
    pub fn query(&self, database: &TestDatabase, query: &str) -> anyhow::Result<String> {
        let mut psql = self.server.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
        let output = psql.args(["--dbname", &database.url, "-c", query]).output().context("running psql")?;
        if !output.status.success() {
            bail!("{query}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Someone who sends this and then does nothing more until killed: a transaction begun in it stays open.
    ///
    /// # Errors
    /// When `psql` can't be run.
    pub fn session(&self, database: &TestDatabase, statements: &str) -> anyhow::Result<Child> {
        let mut psql = self.server.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--dbname", &database.url]);
        let mut session = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("running psql")?;
        let input = session.stdin.as_mut().context("psql has no input")?;
        writeln!(input, "{statements}").and_then(|()| input.flush()).context("writing to psql")?;
        Ok(session)
    }

    /// Creates a fresh, empty database.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn database(&self) -> anyhow::Result<TestDatabase> {
        self.create("template1")
    }

    /// Creates a database with everything that is in `model`, which nobody may be connected to.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn copy_of(&self, model: &TestDatabase) -> anyhow::Result<TestDatabase> {
        let (_, name) = model.url.rsplit_once('/').context("the model's URL names no database")?;
        self.create(name)
    }

    fn create(&self, template: &str) -> anyhow::Result<TestDatabase> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
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
        fs,
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
    fn what_was_committed_outlives_a_crash_and_the_address_stays() {
        let postgres = TestPostgres::start_durable().unwrap();
        let database = postgres.database().unwrap();
        postgres.query(&database, "CREATE TABLE kept (n INT)").unwrap();
        for (n, how) in [Stop::Immediate, Stop::Fast, Stop::Immediate].into_iter().enumerate() {
            postgres.query(&database, &format!("INSERT INTO kept VALUES ({n})")).unwrap();
            postgres.stop(how).unwrap();
            postgres.stop(how).unwrap();
            assert!(!answers(postgres.server.port()));
            postgres.query(&database, "SELECT 1").expect_err("it is stopped");
            postgres.start_again().unwrap();
            postgres.start_again().unwrap();
        }
        assert_eq!(postgres.query(&database, "SELECT n, n + 1 FROM kept ORDER BY n").unwrap(), "0|1\n1|2\n2|3");
        let error = postgres.query(&database, "SELECT nothing").unwrap_err().to_string();
        assert!(error.contains("nothing"), "{error}");
    }

    #[test]
    fn data_are_kept_where_that_is_wanted() {
        let postgres = TestPostgres::start().unwrap();
        let (data, port) = (postgres.keep().unwrap(), postgres.server.port());
        drop(postgres);
        assert!(data.join("PG_VERSION").is_file() && !answers(port));
        fs::remove_dir_all(data.parent().unwrap()).unwrap();
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
