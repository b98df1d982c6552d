//! Why a database gives no connection.
//!
//! A pool that gets none from a PostgreSQL server tries until its time is up, and then only tells that. So whoever waited
//! in vain knocks once by itself, without the pool, and tells what it found.

use std::{
    fmt,
    io::ErrorKind,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr, SqlxError,
    sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions, sqlite::SqliteConnectOptions},
};
use tokio::sync::Mutex;

use crate::{Backend, Result, StoreConfig, StoreError};

/// How long a server may take to answer a knock.
const KNOCK_MAX: Duration = Duration::from_secs(3);
/// What a knock found holds for so long: many may have waited in vain at once.
const FRESH: Duration = Duration::from_secs(1);

/// Why the database gives no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens at the address.
    NobodyListens,
    /// The host's name can't be resolved.
    UnknownHost,
    /// No answer in time.
    NoAnswer,
    /// The network lets nothing through.
    NoWay,
    /// The server knows no such user, or the password is another one. Waiting does not mend it.
    Credentials,
    /// The server has no such database.
    NoDatabase,
    /// The server gives no more connections.
    Full,
    /// The server starts or stops.
    Unready,
    /// There is no encrypted connection as it is asked for.
    Tls,
    /// A connection was there, and was cut.
    Cut,
    /// This process has closed its connections.
    Closed,
    /// The file can't be opened.
    File,
    /// Anything else; the driver says what.
    Other,
}

impl Unreachable {
    /// Whether somebody has to change something before there is a connection.
    #[must_use]
    pub const fn lasts(self) -> bool {
        matches!(self, Self::Credentials)
    }

    /// What the driver's error means for a connection, if it means that there is none.
    pub(crate) fn of(error: &SqlxError) -> Option<Self> {
        Some(match error {
            SqlxError::Io(e) => match e.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::NotFound => Self::NobodyListens,
                ErrorKind::TimedOut => Self::NoAnswer,
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::NotConnected => Self::Cut,
                _ => Self::NoWay,
            },
            SqlxError::Tls(_) => Self::Tls,
            SqlxError::PoolClosed => Self::Closed,
            SqlxError::WorkerCrashed => Self::Cut,
            SqlxError::Database(e) => Self::of_code(&e.code()?)?,
            _ => return None,
        })
    }

    /// What a server's SQLSTATE or SQLite's result code means for a connection, if it means that there is none.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        // SQLITE_CANTOPEN, plain or extended: the low byte is the primary code.
        if code.len() < 5 && code.parse::<u32>().is_ok_and(|number| number & 0xff == 14) {
            return Some(Self::File);
        }
        Some(match code {
            "28P01" | "28000" => Self::Credentials,
            "3D000" => Self::NoDatabase,
            "53300" => Self::Full,
            "57P03" => Self::Unready,
            // Ended by the server: the transaction was idle for too long, an administrator, a crash.
            "25P03" | "57P01" | "57P02" => Self::Cut,
            _ => return None,
        })
    }

    /// What an operator reads.
    pub(crate) fn told<'a>(self, place: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            let (before, after) = match self {
                Self::NobodyListens => {
                    ("", "can't be reached, nobody listens there: start it, or correct `database.url`")
                }
                Self::UnknownHost => (
                    "",
                    "can't be reached, the name of its host can't be resolved: correct `database.url`, or see to the name \
                     service",
                ),
                Self::NoAnswer => {
                    ("", "does not answer in time: see whether it runs, and whether a firewall stands between")
                }
                Self::NoWay => ("", "can't be reached: see to the network, and to `database.url`"),
                Self::Credentials => (
                    "",
                    "refuses the user or the password: correct `database.url`, or the server's users and pg_hba.conf",
                ),
                Self::NoDatabase => {
                    ("", "is not there, though its server is: create that database, or correct `database.url`")
                }
                Self::Full => (
                    "",
                    "gives no more connections: end some processes, lower their `database.connections_max`, or raise the \
                     server's limits for all, this user or this database",
                ),
                Self::Unready => ("", "is starting or stopping: wait for it"),
                Self::Tls => ("", "gives no encrypted connection as `sslmode` in `database.url` asks for"),
                Self::Cut => (
                    "the connection was cut by ",
                    "or on the way there; another one is made by itself. If that goes on, see the server's own log",
                ),
                Self::Closed => ("the connections are closed to ", "for this process ends"),
                Self::File => ("", "can't be opened: check the URL, and the folder's permissions"),
                Self::Other => ("", "can't be used: check `database.url`, and the server's own log"),
            };
            write!(f, "{before}{place} {after}")
        })
    }
}

/// A driver's error on the way to a database, with what it means. It travels inside of a [`DbErr`], for that is what the
/// driver's users expect.
#[derive(Debug)]
struct Tagged {
    place: String,
    why: Unreachable,
    source: Arc<SqlxError>,
}

impl fmt::Display for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why.told(&self.place))
    }
}

impl std::error::Error for Tagged {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// What a tagged error says: the place, why, and the driver's own error.
pub(crate) fn tagged(error: &DbErr) -> Option<(String, Unreachable, DbErr)> {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else { return None };
    let SqlxError::AnyDriverError(inner) = &**error else { return None };
    let Tagged { place, why, source } = inner.downcast_ref()?;
    Some((place.clone(), *why, DbErr::Conn(RuntimeErr::SqlxError(source.clone()))))
}

/// The way to a database.
#[derive(Debug)]
pub(crate) struct Way {
    /// As an operator knows it, without secrets.
    place: String,
    server: Option<Server>,
}

#[derive(Debug)]
struct Server {
    options: PgConnectOptions,
    last: Mutex<Option<(Instant, Knock)>>,
}

type Knock = Result<(), (Unreachable, Arc<SqlxError>)>;

impl Way {
    /// The way that a configuration names.
    pub(crate) fn new(config: &StoreConfig) -> Result<Self> {
        match Backend::of_url(&config.url)? {
            Backend::Sqlite => {
                let options: SqliteConnectOptions = config.url.parse().map_err(|_| StoreError::UnknownUrl)?;
                let place = format!("the SQLite database {}", options.get_filename().display());
                Ok(Self { place, server: None })
            }
            Backend::Postgres => {
                let options: PgConnectOptions = config.url.parse().map_err(|_| StoreError::UnknownUrl)?;
                let host = match options.get_socket() {
                    Some(socket) => socket.display().to_string(),
                    None => format!("{}:{}", options.get_host(), options.get_port()),
                };
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                let place = format!("PostgreSQL at {host} (database {database})");
                let options = options.application_name(&config.application);
                Ok(Self { place, server: Some(Server { options, last: Mutex::default() }) })
            }
        }
    }

    /// The error, and where it was met, if it says that there is no connection.
    pub(crate) async fn explain(&self, error: DbErr) -> DbErr {
        let (why, source) = match &error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => match self.knock().await {
                Ok(()) => return error,
                Err(found) => found,
            },
            DbErr::Conn(RuntimeErr::SqlxError(source)) if matches!(**source, SqlxError::PoolTimedOut) => {
                match self.knock().await {
                    Ok(()) => return DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
                    Err(found) => found,
                }
            }
            DbErr::Conn(RuntimeErr::SqlxError(source))
            | DbErr::Exec(RuntimeErr::SqlxError(source))
            | DbErr::Query(RuntimeErr::SqlxError(source)) => match self.weigh(source).await {
                Some(why) => (why, source.clone()),
                None => return error,
            },
            _ => return error,
        };
        let tagged = Tagged { place: self.place.clone(), why, source };
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(SqlxError::AnyDriverError(Box::new(tagged)))))
    }

    /// Asks the server for one connection, and gives it back. Many who ask at once get one answer.
    pub(crate) async fn knock(&self) -> Knock {
        let Some(server) = &self.server else { return Ok(()) };
        let mut last = server.last.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < FRESH
        {
            return found.clone();
        }
        let found = match tokio::time::timeout(KNOCK_MAX, PgConnection::connect_with(&server.options)).await {
            Ok(Ok(connection)) => {
                // It was only asked for; a server that goes away now is found by whoever asks next.
                let _ = tokio::time::timeout(KNOCK_MAX, connection.close()).await;
                Ok(())
            }
            Ok(Err(error)) => Err((self.weigh(&error).await.unwrap_or(Unreachable::Other), Arc::new(error))),
            Err(_) => Err((Unreachable::NoAnswer, Arc::new(SqlxError::Io(ErrorKind::TimedOut.into())))),
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }

    /// The same as an error of the store.
    pub(crate) async fn reach(&self) -> Result<()> {
        self.knock().await.map_err(|(why, source)| StoreError::Unavailable {
            place: self.place.clone(),
            why,
            source: DbErr::Conn(RuntimeErr::SqlxError(source)),
        })
    }

    async fn weigh(&self, error: &SqlxError) -> Option<Unreachable> {
        let why = Unreachable::of(error)?;
        let Some(server) = &self.server else { return Some(why) };
        let (host, port) = (server.options.get_host(), server.options.get_port());
        let by_name = server.options.get_socket().is_none() && host.parse::<IpAddr>().is_err();
        // The system gives no kind of error of its own to a name that it can't resolve.
        if why == Unreachable::NoWay && by_name && tokio::net::lookup_host((host, port)).await.is_err() {
            return Some(Unreachable::UnknownHost);
        }
        Some(why)
    }
}
