//! The two columns of "two ways to run", so that one test runs on both.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chimera_bus::{Bus, DeliveryPolicy, InProcessBus, RedisBus, RedisConfig, RedisLink};
use chimera_store::{Store, StoreConfig};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{SeededAmbient, TestDatabase, TestPostgres, TestRedis};

/// A database and queues of one test's own: an SQLite file with queues in process, or a PostgreSQL database with queues
/// in Redis. Each comes into being when it is first asked for, so a test pays only for what it uses.
///
/// [`Self::store`] and [`Self::bus`] may be called again: each call gives what another process of the same fleet would
/// have, with connections and a name of its own. (In process there is but one process, and so one bus.)
///
/// [`on_both!`](crate::on_both) runs a test on both.
#[derive(Debug)]
pub struct Backends {
    folder: TempDir,
    database: OnceLock<String>,
    queues: Queues,
}

#[derive(Debug)]
enum Queues {
    InProcess(Arc<InProcessBus>),
    Redis(OnceLock<RedisConfig>),
}

/// Makes every bus a consumer of its own.
static PROCESSES: AtomicU64 = AtomicU64::new(1);

impl Backends {
    /// The embedded column: an SQLite file, and queues in process.
    #[must_use]
    pub fn embedded() -> Self {
        Self::with(Queues::InProcess(Arc::default()))
    }

    /// The production column: a PostgreSQL database, and queues in Redis below a prefix of their own.
    #[must_use]
    pub fn production() -> Self {
        Self::with(Queues::Redis(OnceLock::new()))
    }

    fn with(queues: Queues) -> Self {
        Self { folder: sure(tempfile::tempdir(), "making a folder"), database: OnceLock::new(), queues }
    }

    /// A database and queues of the same kind, and nothing in common with these.
    #[must_use]
    pub fn another(&self) -> Self {
        if self.is_production() { Self::production() } else { Self::embedded() }
    }

    /// Whether this is the production column.
    #[must_use]
    pub const fn is_production(&self) -> bool {
        matches!(self.queues, Queues::Redis(_))
    }

    /// A folder of the test's own, removed with this value. An embedded database lies in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder where it is when the test ends, for a look at what went wrong; says where.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// Where the database is: empty, until a store has been asked for. Blocks while a server starts.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.get_or_init(|| match self.queues {
            Queues::InProcess(_) => format!("sqlite://{}?mode=rwc", self.folder().join("chimera.db").display()),
            Queues::Redis(_) => sure(TestPostgres::shared().database(), "making a database").url,
        })
    }

    /// How a store reaches the database.
    #[must_use]
    pub fn store_config(&self) -> StoreConfig {
        StoreConfig { connections_max: 5, statement_timeout_ms: 20_000, ..StoreConfig::new(self.database_url()) }
    }

    /// The migrated database, with connections of its own.
    pub async fn store(&self) -> Store {
        if self.is_production() && self.database.get().is_none() {
            let model = MIGRATED.get_or_init(migrated).await;
            self.database.get_or_init(|| sure(TestPostgres::shared().copy_of(model), "copying a database").url);
        }
        let store = sure(Store::connect(&self.store_config()).await, "connecting to the database");
        sure(store.migrate().await, "migrating");
        store
    }

    /// Where the queues are, when they are in Redis.
    #[must_use]
    pub fn redis(&self) -> Option<&RedisConfig> {
        match &self.queues {
            Queues::InProcess(_) => None,
            Queues::Redis(config) => Some(config.get_or_init(keys_of_its_own)),
        }
    }

    /// The queues; in Redis, as a consumer of its own.
    pub async fn bus(&self) -> Arc<dyn Bus> {
        match &self.queues {
            Queues::InProcess(bus) => bus.clone(),
            Queues::Redis(config) => {
                let link = sure(RedisLink::open(config.get_or_init(keys_of_its_own)).await, "connecting to Redis");
                let process = SeededAmbient::new(PROCESSES.fetch_add(1, Ordering::Relaxed));
                Arc::new(RedisBus::new(link, DeliveryPolicy::default(), &process))
            }
        }
    }
}

/// A migrated PostgreSQL database, to be copied: that takes less than half the time of migrating another.
static MIGRATED: OnceCell<TestDatabase> = OnceCell::const_new();

async fn migrated() -> TestDatabase {
    let database = sure(TestPostgres::shared().database(), "making a database");
    let store = sure(Store::connect(&StoreConfig::new(database.url.as_str())).await, "connecting to the database");
    sure(store.migrate().await, "migrating");
    store.close().await;
    database
}

fn keys_of_its_own() -> RedisConfig {
    let server = TestRedis::shared();
    RedisConfig { prefix: server.prefix(), ..RedisConfig::new(server.url()) }
}

/// The value, or a failed test.
#[expect(clippy::panic, reason = "only tests call this, and a test without its backends has failed")]
fn sure<T, E: std::fmt::Debug>(result: Result<T, E>, doing: &str) -> T {
    result.unwrap_or_else(|error| panic!("{doing} for a test: {error:?}"))
}

/// Makes two tests of each case, `embedded::CASE` and `production::CASE`.
///
/// A case is an `async fn case(world: World)` in a module beside the call. `World` is the suite's own, made by its
/// `async fn over(backends: Backends) -> Self`.
///
/// ```ignore
/// chimera_testkit::on_both! {
///     world::World;
///     pool:
///         nothing_is_claimed_that_nobody_can_begin
///         a_lapsed_lease_is_taken_over;
///     sweeper:
///         what_a_lossy_queue_dropped_is_delivered_again;
/// }
/// ```
///
/// With `blocking` before the world, neither it nor its cases are `async`, and cases get a reference to it.
#[macro_export]
macro_rules! on_both {
    (blocking $home:ident :: $world:ident; $($area:ident: $($case:ident)*;)*) => {
        mod embedded {
            $($(
                #[test]
                fn $case() {
                    super::$area::$case(&super::$home::$world::over($crate::Backends::embedded()));
                }
            )*)*
        }

        mod production {
            $($(
                #[test]
                fn $case() {
                    super::$area::$case(&super::$home::$world::over($crate::Backends::production()));
                }
            )*)*
        }
    };
    ($home:ident :: $world:ident; $($area:ident: $($case:ident)*;)*) => {
        mod embedded {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let world = super::$home::$world::over($crate::Backends::embedded()).await;
                    super::$area::$case(world).await;
                }
            )*)*
        }

        mod production {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let world = super::$home::$world::over($crate::Backends::production()).await;
                    super::$area::$case(world).await;
                }
            )*)*
        }
    };
}
