//! Many copies of what is in the tables, made by the database itself.

use std::{collections::BTreeMap, ops::RangeInclusive};

use chimera_store::Backend;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// Tables that grow for ever, in an order that their foreign keys allow.
pub(super) const GROWING: [&str; 13] = [
    "trend_signals",
    "agent_tasks",
    "task_dependencies",
    "artifacts",
    "tool_calls",
    "judge_decisions",
    "hitl_queue_items",
    "publications",
    "alerts",
    "trends",
    "spend_ledger",
    "audit_log",
    "agent_memories",
];

/// Columns that name what there are few of, and numbers that may repeat.
const KEPT: [&str; 4] = ["tenant_id", "agent_id", "campaign_id", "embedding"];

/// Texts that must differ from row to row.
const DISTINCT: [&str; 5] = ["event_key", "content_hash", "idempotency_key", "reservation", "subject"];

/// Sets aside what is there, to be copied.
pub(super) async fn keep_template(db: &DatabaseConnection) {
    for table in GROWING {
        let sql = format!("CREATE TABLE template_{table} AS SELECT * FROM {table}");
        db.execute_unprepared(&sql).await.unwrap();
    }
}

/// Adds copies of every row of the template, each with ids of its own and seven minutes older than the one before.
pub(super) async fn grow(db: &DatabaseConnection, backend: Backend, copies: RangeInclusive<u32>) {
    let (first, last) = (copies.start(), copies.end());
    for table in GROWING {
        let columns = columns(db, backend, table).await;
        let names: Vec<&str> = columns.keys().map(String::as_str).collect();
        let values: Vec<String> = columns.iter().map(|(name, kind)| value(backend, name, kind)).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        let sql = format!(
            "WITH RECURSIVE copy(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM copy WHERE n < {last}) \
             INSERT INTO {table} ({names}) SELECT {values} FROM template_{table}, copy"
        );
        let made = db.execute_unprepared(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert!(made.rows_affected() > u64::from(last - first), "{table} was empty: {made:?}");
    }
    if backend == Backend::Postgres {
        analyse(db, backend).await;
    }
}

/// Tells the planner what is in the tables.
pub(super) async fn analyse(db: &DatabaseConnection, backend: Backend) {
    let sql = match backend {
        Backend::Sqlite => "ANALYZE",
        // What autovacuum does by and by; without it no index can answer alone.
        Backend::Postgres => "VACUUM (ANALYZE)",
    };
    db.execute_unprepared(sql).await.unwrap();
}

/// The columns of a table with their types.
async fn columns(db: &DatabaseConnection, backend: Backend, table: &str) -> BTreeMap<String, String> {
    let sql = match backend {
        Backend::Sqlite => format!("SELECT name, type FROM pragma_table_info('{table}')"),
        Backend::Postgres => format!(
            "SELECT column_name::text, udt_name::text FROM information_schema.columns WHERE table_name = '{table}'"
        ),
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

/// What the `n`-th copy has in a column.
fn value(backend: Backend, column: &str, kind: &str) -> String {
    let is_time = column.ends_with("_at");
    if KEPT.contains(&column) {
        return column.to_owned();
    }
    if DISTINCT.contains(&column) {
        return format!("{column} || '-' || n");
    }
    // Of the audit log and of memories; hashes and heads no longer fit, which is nothing to a plan.
    if column == "seq" {
        return "seq + 1000000 + n * 1000".to_owned();
    }
    match backend {
        Backend::Postgres if column == "trace_id" => format!("substr({column}, 1, 24) || lpad(to_hex(n), 8, '0')"),
        Backend::Postgres if kind == "uuid" => {
            format!("(substr(replace({column}::text, '-', ''), 1, 24) || lpad(to_hex(n), 8, '0'))::uuid")
        }
        Backend::Postgres if is_time => format!("{column} - n * interval '7 minutes'"),
        Backend::Sqlite if column == "trace_id" => format!("substr({column}, 1, 24) || printf('%08x', n)"),
        Backend::Sqlite if is_time => {
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', {column}, '-' || (n * 7) || ' minutes')")
        }
        Backend::Sqlite => format!(
            "CASE typeof({column}) WHEN 'blob' THEN unhex(substr(hex({column}), 1, 24) || printf('%08x', n)) \
             ELSE {column} END"
        ),
        Backend::Postgres => column.to_owned(),
    }
}
