//! What tables the database has, and what is in their columns.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, Statement,
    sea_query::{Alias, Expr, Func, Query},
};

use crate::{Backend, Result};

/// A table, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// In the order of their making.
    pub(crate) columns: Vec<Column>,
}

/// A column, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The database's own name for its type.
    pub(crate) type_name: String,
    pub(crate) nullable: bool,
    /// Its place in the primary key.
    pub(crate) key: Option<i64>,
}

/// Every table by name, but for the databases' own. Partitions belong to their table.
pub(crate) async fn tables(db: &impl ConnectionTrait, backend: Backend) -> Result<BTreeMap<String, Table>> {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT m.name, p.name, p.type, 1 - p.\"notnull\", p.pk - 1 \
             FROM sqlite_schema m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, p.cid"
        }
        Backend::Postgres => {
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
                    (NOT a.attnotnull)::int::bigint, coalesce(array_position(i.indkey::int2[], a.attnum), -1)::bigint \
             FROM pg_class c \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
             ORDER BY c.relname, a.attnum"
        }
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await? {
        let key: i64 = row.try_get_by_index(4)?;
        let column = Column {
            name: row.try_get_by_index(1)?,
            type_name: row.try_get_by_index::<String>(2)?.to_lowercase(),
            nullable: row.try_get_by_index::<i64>(3)? != 0,
            key: (key >= 0).then_some(key),
        };
        tables.entry(row.try_get_by_index(0)?).or_insert_with(|| Table { columns: vec![] }).columns.push(column);
    }
    Ok(tables)
}

/// Whether there is such a table.
pub(crate) async fn has_table(db: &impl ConnectionTrait, backend: Backend, table: &str) -> Result<bool> {
    let sql = match backend {
        Backend::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1",
        Backend::Postgres => "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1",
    };
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [table.into()]);
    Ok(db.query_one_raw(statement).await?.is_some())
}

/// How many rows a table has.
pub(crate) async fn count(db: &impl ConnectionTrait, table: &str) -> Result<u64> {
    let select = Query::select().expr(Func::count(Expr::cust("*"))).from(Alias::new(table)).take();
    let count: i64 = match db.query_one(&select).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    };
    Ok(u64::try_from(count).unwrap_or_default())
}
