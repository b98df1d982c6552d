//! A corner of a PostgreSQL database that a benchmark has to itself.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use url::Url;

use crate::{Backend, Result, Store, StoreConfig, StoreError};

/// A schema of its own beside whatever the database holds.
#[derive(Debug)]
pub struct Scratch {
    admin: Store,
    schema: String,
    url: String,
}

impl Scratch {
    /// Makes the schema. `name` is part of its name; letters, digits and underscores.
    ///
    /// # Errors
    /// [`StoreError::UnknownUrl`] when `url` is none of PostgreSQL; another [`StoreError`] when it can't be reached, or
    /// gives no leave to make schemas.
    pub async fn make(url: &str, name: &str) -> Result<Self> {
        if Backend::of_url(url)? != Backend::Postgres || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(StoreError::UnknownUrl);
        }
        let mut inside = Url::parse(url).map_err(|_| StoreError::UnknownUrl)?;
        let schema = format!("chimera_bench_{name}").to_lowercase();
        inside.query_pairs_mut().append_pair("options[search_path]", &schema);
        let admin = Store::connect(&StoreConfig { connections_max: 1, ..StoreConfig::new(url) }).await?;
        admin.db.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await?;
        Ok(Self { admin, schema, url: inside.to_string() })
    }

    /// The database, as seen from within the schema.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How far the server's write-ahead log has come, in bytes since it was made. It is the whole server's.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn written(&self) -> Result<u64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        let asked = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        let row = self.admin.db.query_one_raw(asked).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("a statement without a table".to_owned()))?;
        Ok(row.try_get_by_index::<i64>(0)?.unsigned_abs())
    }

    /// Drops the schema with all that is in it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn remove(self) -> Result<()> {
        self.admin.db.execute_unprepared(&format!("DROP SCHEMA {} CASCADE", self.schema)).await?;
        self.admin.close().await;
        Ok(())
    }
}
