//! Triggers that refuse what nobody may do to append-only tables.
//!
//! They stop mistakes and the merely curious. Whoever owns the database can take them away; the audit log's chain is
//! what tells then.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// What is refused.
#[derive(Debug, Clone, Copy)]
enum Rule {
    NoUpdate,
    NoDelete,
    /// PostgreSQL: a row trigger does not see it.
    NoTruncate,
    /// SQLite: replacing a row, by this key, deletes the old one without asking a trigger for deletions.
    NoReplace(&'static str),
    /// The head never goes back.
    OnlyForward,
}

/// A trigger.
#[derive(Debug, Clone, Copy)]
struct Guard {
    name: &'static str,
    table: &'static str,
    rule: Rule,
}

const fn guard(name: &'static str, table: &'static str, rule: Rule) -> Guard {
    Guard { name, table, rule }
}

const GUARDS: [Guard; 11] = [
    guard("audit_log_no_update", "audit_log", Rule::NoUpdate),
    guard("audit_log_no_delete", "audit_log", Rule::NoDelete),
    guard("audit_log_no_truncate", "audit_log", Rule::NoTruncate),
    guard("audit_log_no_replace", "audit_log", Rule::NoReplace("tenant_id = NEW.tenant_id AND seq = NEW.seq")),
    guard("audit_head_forward", "audit_head", Rule::OnlyForward),
    guard("audit_head_no_delete", "audit_head", Rule::NoDelete),
    guard("audit_head_no_truncate", "audit_head", Rule::NoTruncate),
    guard("judge_decisions_no_update", "judge_decisions", Rule::NoUpdate),
    guard("judge_decisions_no_delete", "judge_decisions", Rule::NoDelete),
    guard("judge_decisions_no_truncate", "judge_decisions", Rule::NoTruncate),
    guard("judge_decisions_no_replace", "judge_decisions", Rule::NoReplace("id = NEW.id")),
];

/// PostgreSQL's triggers call a function.
const FUNCTION: &str = "CREATE OR REPLACE FUNCTION chimera_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ \
    BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP; END $$";

impl Guard {
    /// The statement that makes it, where the database needs it.
    fn create(self, backend: DbBackend) -> Option<String> {
        let Self { name, table, rule } = self;
        let backwards = "NEW.seq < OLD.seq OR NEW.tenant_id <> OLD.tenant_id";
        if backend == DbBackend::Sqlite {
            let (event, condition) = match rule {
                Rule::NoUpdate => ("UPDATE", String::new()),
                Rule::NoDelete => ("DELETE", String::new()),
                Rule::NoTruncate => return None,
                Rule::NoReplace(key) => ("INSERT", format!("WHEN EXISTS (SELECT 1 FROM {table} WHERE {key}) ")),
                Rule::OnlyForward => ("UPDATE", format!("WHEN {backwards} ")),
            };
            let refuse = format!("SELECT RAISE(ABORT, '{table} is append-only: {event} refused')");
            return Some(format!("CREATE TRIGGER {name} BEFORE {event} ON {table} {condition}BEGIN {refuse}; END"));
        }
        let (event, each) = match rule {
            Rule::NoUpdate => ("UPDATE", "ROW".to_owned()),
            Rule::NoDelete => ("DELETE", "ROW".to_owned()),
            Rule::NoTruncate => ("TRUNCATE", "STATEMENT".to_owned()),
            Rule::NoReplace(_) => return None,
            Rule::OnlyForward => ("UPDATE", format!("ROW WHEN ({backwards})")),
        };
        Some(format!(
            "CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} EXECUTE FUNCTION chimera_append_only()"
        ))
    }

    fn remove(self, backend: DbBackend) -> String {
        let Self { name, table, .. } = self;
        if backend == DbBackend::Sqlite {
            format!("DROP TRIGGER IF EXISTS {name}")
        } else {
            format!("DROP TRIGGER IF EXISTS {name} ON {table}")
        }
    }
}

/// Makes the triggers, anew where there are some already.
pub(crate) async fn install(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    if backend == DbBackend::Postgres {
        db.execute_unprepared(FUNCTION).await?;
    }
    for guard in GUARDS {
        if let Some(create) = guard.create(backend) {
            db.execute_unprepared(&guard.remove(backend)).await?;
            db.execute_unprepared(&create).await?;
        }
    }
    Ok(())
}

/// Takes the triggers away.
pub(crate) async fn remove(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    for guard in GUARDS {
        db.execute_unprepared(&guard.remove(backend)).await?;
    }
    if backend == DbBackend::Postgres {
        db.execute_unprepared("DROP FUNCTION IF EXISTS chimera_append_only()").await?;
    }
    Ok(())
}

/// The names of triggers that are not in force.
pub(crate) async fn missing(db: &impl ConnectionTrait) -> Result<Vec<&'static str>, DbErr> {
    let backend = db.get_database_backend();
    let sql = if backend == DbBackend::Sqlite {
        "SELECT name || ' ' || tbl_name FROM sqlite_schema WHERE type = 'trigger'"
    } else {
        "SELECT t.tgname || ' ' || c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
         WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled IN ('O', 'A')"
    };
    let mut there: HashSet<String> = HashSet::new();
    for row in db.query_all_raw(Statement::from_string(backend, sql)).await? {
        there.insert(row.try_get_by_index(0)?);
    }
    let wanted = GUARDS.iter().filter(|guard| guard.create(backend).is_some());
    Ok(wanted.filter(|guard| !there.contains(&format!("{} {}", guard.name, guard.table))).map(|g| g.name).collect())
}
