//! How the database means to run a statement, and what is wrong with that.

use std::collections::BTreeSet;

use chimera_store::Backend;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::Value;

use super::{Sent, fill::GROWING};

/// Methods that sum up everything there is, for people; the retention of finished work bounds them.
const REPORTS: [&str; 5] = ["prunable", "signal_counts", "spend_check", "spend_total", "task_counts"];

/// What looks at all that one agent remembers, up to a bound: an index over vectors is asked only beyond that.
const SEARCHES: [&str; 1] = ["memory_search"];

/// Indices that hold live rows only. Reading one from end to end is as cheap as what is going on.
const LIVE: [&str; 5] =
    ["agent_tasks_lease", "alerts_open", "hitl_queue_items_open", "publications_open", "spend_ledger_open"];

/// The most rows that PostgreSQL may expect to sort; an incremental sort stops when it has enough.
const SORTED_MAX: f64 = 2_000.0;

/// The part of the cost of reading the largest table whole that one statement may have.
const COST_MAX: f64 = 0.25;

/// Each distinct statement that reads more than it needs, with the reason and its plan. Prints every plan, for those who
/// run the test with `--nocapture`.
pub(super) async fn faults(db: &DatabaseConnection, backend: Backend, sent: &[Sent]) -> Vec<String> {
    let whole = match backend {
        Backend::Sqlite => 0.0,
        Backend::Postgres => cost_of_the_largest_table(db).await,
    };
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for Sent { method, statement } in sent {
        if !seen.insert((*method, shape(&statement.sql))) || statement.sql.contains("seaql_migrations") {
            continue;
        }
        let found = match backend {
            Backend::Sqlite => of_sqlite(db, method, statement).await,
            Backend::Postgres => of_postgres(db, method, statement, whole).await,
        };
        let (plan, fault) = found;
        println!("{method}:{}\n{plan}", shape(&statement.sql));
        if let Some(fault) = fault {
            faults.push(format!("{method}: {fault}\n{plan}\n {}", shape(&statement.sql)));
        }
    }
    assert!(seen.len() > 80, "only {} statements were explained", seen.len());
    faults
}

/// The statement without its lists of bound values and columns, in which it differs from another of the same kind.
fn shape(sql: &str) -> String {
    let mut short = String::new();
    for word in sql.split_whitespace() {
        let bound = word.trim_matches(['(', ')', ',']);
        let is_bound = bound == "?" || bound.strip_prefix('$').is_some_and(|n| n.parse::<u32>().is_ok());
        match (is_bound, short.ends_with('?')) {
            (true, true) => {}
            (true, false) => short.push_str(" ?"),
            (false, _) => {
                short.push(' ');
                short.push_str(word);
            }
        }
    }
    short
}

/// The plan, and what is wrong with it.
async fn of_sqlite(db: &DatabaseConnection, method: &str, statement: &Statement) -> (String, Option<String>) {
    let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {}", statement.sql), ..statement.clone() };
    let rows = db.query_all_raw(explain).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect();
    // A list that is read in the order of an index stops at its limit.
    let in_order = statement.sql.contains(" LIMIT ") && !steps.iter().any(|step| step.contains("FOR ORDER BY"));
    // Of a few memories that are named, no more than those are read.
    let named = SEARCHES.contains(&method) && statement.sql.contains("\"id\" IN");
    let wrong = steps.iter().find(|step| {
        let mut words = step.split_whitespace();
        let (verb, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let whole = verb == "SCAN" || step.ends_with("(tenant_id=?)");
        let live = LIVE.iter().any(|index| step.contains(&format!(" INDEX {index}")));
        let in_order = in_order && step.contains(" INDEX ");
        let by_agent = named && !step.contains("(id=?)");
        GROWING.contains(&table) && (whole || by_agent) && !live && !in_order
    });
    // Before it inserts many rows, SQLite prepares to look for orphans among those that point to them; it looks only when
    // a constraint was broken and not yet mended (rule I.2 in its fkey.c).
    let pardoned = statement.sql.starts_with("INSERT ") || REPORTS.contains(&method);
    (format!("  {}", steps.join("\n  ")), wrong.filter(|_| !pardoned).cloned())
}

async fn of_postgres(
    db: &DatabaseConnection,
    method: &str,
    statement: &Statement,
    whole: f64,
) -> (String, Option<String>) {
    let explain = Statement { sql: format!("EXPLAIN (FORMAT JSON) {}", statement.sql), ..statement.clone() };
    let row = db.query_one_raw(explain).await.unwrap().unwrap();
    let plan: Value = row.try_get_by_index(0).unwrap();
    let top = plan[0]["Plan"].clone();
    let mut nodes = Vec::new();
    collect(&top, &mut nodes);
    let search = SEARCHES.contains(&method);
    let report = search || REPORTS.contains(&method);
    let fault = nodes.iter().find_map(|node| fault_of(node, report)).filter(|_| !search);
    let cost = top["Total Cost"].as_f64().unwrap();
    let costly = (!report && cost > COST_MAX * whole)
        .then(|| format!("it costs {cost:.0}, and reading the largest table {whole:.0}"));
    (lines(&top, 1), fault.or(costly))
}

fn fault_of(node: &Value, report: bool) -> Option<String> {
    let kind = node["Node Type"].as_str()?;
    let table = node["Relation Name"].as_str().unwrap_or_default();
    if kind == "Seq Scan" && GROWING.contains(&table) && !report {
        return Some(format!("Seq Scan on {table}"));
    }
    let rows = node["Plans"][0]["Plan Rows"].as_f64().unwrap_or_default();
    (kind == "Sort" && rows > SORTED_MAX).then(|| format!("{kind} of {rows} rows"))
}

fn collect<'a>(node: &'a Value, nodes: &mut Vec<&'a Value>) {
    nodes.push(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        collect(child, nodes);
    }
}

fn lines(node: &Value, depth: usize) -> String {
    let parts =
        ["Node Type", "Relation Name", "Index Name", "Index Cond", "Recheck Cond", "Filter", "Plan Rows", "Total Cost"];
    let told: Vec<String> = parts
        .iter()
        .filter(|part| !node[**part].is_null())
        .map(|part| node[*part].to_string().chars().take(160).collect())
        .collect();
    let below: String = node["Plans"].as_array().into_iter().flatten().map(|child| lines(child, depth + 1)).collect();
    format!("{}{}\n{below}", "  ".repeat(depth), told.join(" "))
}

/// What PostgreSQL reckons that reading the largest table from end to end costs.
async fn cost_of_the_largest_table(db: &DatabaseConnection) -> f64 {
    let mut largest = 0.0;
    for table in GROWING {
        let sql = format!("EXPLAIN (FORMAT JSON) SELECT * FROM {table}");
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
        let plan: Value = row.try_get_by_index(0).unwrap();
        largest = f64::max(largest, plan[0]["Plan"]["Total Cost"].as_f64().unwrap());
    }
    largest
}
