//! A Redis server for one test process.

mod server;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};

use server::Server;

/// How long a command sent by this file may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A throwaway Redis without persistence on a free port of the loopback interface. It ends, and its folder is removed,
/// when this value is dropped or the process ends in whatever way.
///
/// Tests that only use it share one ([`Self::shared`]), each below a prefix of its own ([`Self::prefix`]); tests that
/// flush or stop it start their own ([`Self::start`]).
#[derive(Debug)]
pub struct TestRedis {
    program: PathBuf,
    port: u16,
    /// None while stopped.
    server: Mutex<Option<Server>>,
    prefixes: AtomicU32,
}

impl TestRedis {
    /// This process's server, started on first use.
    ///
    /// # Panics
    /// When no server can be started; the message says what to install or set.
    #[must_use]
    #[expect(clippy::panic, reason = "only tests call this, and a test without its server has failed")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<TestRedis, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start().map_err(|e| format!("{e:#}"))) {
            Ok(server) => server,
            Err(error) => panic!("no Redis for the tests: {error}"),
        }
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When there is no `redis-server`, or it does not come up; the message says what to do.
    pub fn start() -> anyhow::Result<Self> {
        let program = server::find(std::env::var_os(server::PROGRAM_VARIABLE), std::env::var_os("PATH"))?;
        let server = Server::start(&program)?;
        let port = server.port();
        Ok(Self { program, port, server: Mutex::new(Some(server)), prefixes: AtomicU32::new(0) })
    }

    /// `redis://127.0.0.1:PORT/`, the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The same for a user with these rights, in Redis's own words, such as `~* +ping`. Words are single ones.
    ///
    /// # Errors
    /// When the server is stopped or refuses.
    pub fn user(&self, name: &str, password: &str, rights: &str) -> anyhow::Result<String> {
        self.ask(&format!("ACL SETUSER {name} reset on >{password} {rights}"))?;
        Ok(format!("redis://{name}:{password}@127.0.0.1:{}/", self.port))
    }

    /// A key prefix that no other caller of this server has.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("test-{}", self.prefixes.fetch_add(1, Ordering::Relaxed))
    }

    /// Drops every key of every database, and the scripts with them.
    ///
    /// # Errors
    /// When the server is stopped or refuses.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.ask("FLUSHALL")?;
        self.ask("SCRIPT FLUSH")
    }

    /// Ends the server as a crash would; connections are cut. Stopping it twice is harmless.
    pub fn stop(&self) {
        drop(self.server.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Starts a stopped server again, empty, on the same port. One that runs is left alone.
    ///
    /// # Errors
    /// When it does not come up, as when someone else took the port meanwhile.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if server.is_none() {
            *server = Some(Server::start_at(&self.program, self.port)?);
        }
        Ok(())
    }

    /// The fields of a hash, past all clients; none when there is no such key. Names and values are single words.
    ///
    /// # Errors
    /// When the server is stopped, or the key is something else.
    pub fn hash(&self, key: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let mut answer = self.send(&format!("HGETALL {key}"))?;
        let mut line = || -> anyhow::Result<String> {
            let mut line = String::new();
            answer.read_line(&mut line).context("awaiting the fields of a hash")?;
            Ok(line.trim_end().to_owned())
        };
        let head = line()?;
        let count: usize =
            head.strip_prefix('*').and_then(|n| n.parse().ok()).with_context(|| format!("{key}: {head}"))?;
        let mut fields = BTreeMap::new();
        for _ in 0..count / 2 {
            // Each word comes after a line with its length.
            let (_, name, _, value) = (line()?, line()?, line()?, line()?);
            fields.insert(name, value);
        }
        Ok(fields)
    }

    /// Sets one field of a hash. Names and values are single words.
    ///
    /// # Errors
    /// When the server is stopped or refuses.
    pub fn set_field(&self, key: &str, field: &str, value: &str) -> anyhow::Result<()> {
        self.ask(&format!("HMSET {key} {field} {value}"))
    }

    /// Sends one inline command that answers `+OK`.
    fn ask(&self, command: &str) -> anyhow::Result<()> {
        let mut answer = String::new();
        self.send(command)?.read_line(&mut answer).with_context(|| format!("awaiting the answer to {command}"))?;
        if answer.trim_end() != "+OK" {
            bail!("{command}: {}", answer.trim_end());
        }
        Ok(())
    }

    /// Sends one inline command.
    fn send(&self, command: &str) -> anyhow::Result<BufReader<TcpStream>> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX).context("connecting to Redis")?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.write_all(format!("{command}\r\n").as_bytes()).with_context(|| format!("sending {command}"))?;
        Ok(BufReader::new(stream))
    }
}

#[cfg(test)]
mod tests;
