//! The pool, whose errors say where and why there is no connection.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement, TransactionOptions, TransactionTrait as _,
};

use crate::{Backend, Result, StoreConfig, reach::Way, statistics::Watch};

/// The connections to one database; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pool: DatabaseConnection,
    /// For commits that need not last at once, where a connection has to be opened for that.
    relaxed: Option<DatabaseConnection>,
    way: Arc<Way>,
}

impl Connections {
    /// Opens the first one.
    pub(crate) async fn open(backend: Backend, config: &StoreConfig) -> Result<Self> {
        let way = Arc::new(Way::new(config)?);
        match Self::connect(backend, config).await {
            Ok((pool, relaxed)) => Ok(Self { pool, relaxed, way }),
            Err(error) => Err(way.explain(error).await.into()),
        }
    }

    async fn connect(
        backend: Backend,
        config: &StoreConfig,
    ) -> Result<(DatabaseConnection, Option<DatabaseConnection>), DbErr> {
        let pool = Database::connect(backend.connect_options(config)).await?;
        let relaxed = match backend.relaxed_options(config) {
            Some(options) => Some(Database::connect(options).await?),
            None => None,
        };
        Ok((pool, relaxed))
    }

    /// Shows what is asked from now on, in place of whoever watched before.
    pub(crate) fn watched_by(&mut self, watch: &Watch) {
        watch.over(&mut self.pool);
        if let Some(relaxed) = &mut self.relaxed {
            watch.over(relaxed);
        }
    }

    pub(crate) async fn begin(&self, options: TransactionOptions) -> Result<DatabaseTransaction, DbErr> {
        self.explained(self.pool.begin_with_options(options).await).await
    }

    /// Begins a transaction whose commit does not wait for the disk.
    pub(crate) async fn begin_relaxed(&self, backend: Backend) -> Result<DatabaseTransaction, DbErr> {
        let pool = self.relaxed.as_ref().unwrap_or(&self.pool);
        let tx = self.explained(pool.begin_with_options(backend.write_options()).await).await?;
        if let Some(relax) = backend.relax() {
            tx.execute_unprepared(relax).await?;
        }
        Ok(tx)
    }

    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        self.explained(self.pool.ping().await).await
    }

    /// Asks for one connection more than the pool has.
    pub(crate) async fn reach(&self) -> Result<()> {
        self.way.reach().await
    }

    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        if let Some(relaxed) = &self.relaxed {
            relaxed.close_by_ref().await?;
        }
        self.pool.close_by_ref().await
    }

    async fn explained<T>(&self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        match done {
            Ok(value) => Ok(value),
            Err(error) => Err(self.way.explain(error).await),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Connections {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.explained(self.pool.execute_raw(statement).await).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.explained(self.pool.execute_unprepared(sql).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.explained(self.pool.query_one_raw(statement).await).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.explained(self.pool.query_all_raw(statement).await).await
    }
}
