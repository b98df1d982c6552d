//! Each step down undoes its step up, with rows in the tables, on both databases.

use std::collections::BTreeMap;

use chimera_domain::{AccessRole, Actor, AuditAction, AuditRecord, AuditSubject, TaskType, TenantId, Verdict};
use chimera_domain::{
    AlertKind, Ambient as _, ArtifactId, Credential, CredentialKind, Publication, PublicationId, PublicationState,
    StateVersion,
};
use chimera_testkit::{SeededAmbient, TestPostgres, fixtures};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, EntityTrait,
    FromQueryResult, IntoActiveModel, JsonValue,
};
use sea_orm_migration::MigratorTrait as _;

use super::Migrator;
use crate::{
    Backend, ResourceCursor, audit, batch,
    codec::Mapped,
    entity::{
        agents, alerts, artifacts, calibrations, campaigns, credentials, cursors, decisions, dependencies, duties,
        memories, memory_heads, publications, signal_marks, signals, spend_ledger, tasks, tickets, tool_calls, trends,
    },
};

/// What the database holds by way of tables, columns, keys and indices; the migrator's own table left out.
async fn schema(db: &DatabaseConnection, backend: Backend) -> Vec<String> {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS line FROM sqlite_master \
             WHERE tbl_name <> 'seaql_migrations' ORDER BY 1"
        }
        Backend::Postgres => {
            "SELECT line FROM ( \
               SELECT table_name AS t, concat_ws(' ', table_name, \
                      row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), column_name, data_type, \
                      is_nullable, column_default) AS line FROM information_schema.columns WHERE table_schema = 'public' \
               UNION ALL SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' \
               UNION ALL SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
                      WHERE connamespace = 'public'::regnamespace \
               UNION ALL SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
               UNION ALL SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
             ) AS everything WHERE t <> 'seaql_migrations' ORDER BY 1"
        }
    };
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Every row of every table that there is, as the database gives it. The step makes statements of its own, for one that
/// was prepared for other columns would be used again.
async fn data(db: &DatabaseConnection, tables: &[&'static str], step: usize) -> BTreeMap<&'static str, Vec<JsonValue>> {
    let mut all = BTreeMap::new();
    for table in tables {
        let statement = sea_orm::Statement::from_string(
            db.get_database_backend(),
            format!("SELECT * FROM {table} ORDER BY 1, 2 -- step {step}"),
        );
        let rows = db.query_all_raw(statement).await.unwrap();
        all.insert(*table, rows.iter().map(|row| JsonValue::from_query_result(row, "").unwrap()).collect());
    }
    all
}

/// One row or more for each table, in the order of their birth.
struct Rows {
    ambient: SeededAmbient,
    agent: chimera_domain::Agent,
    campaign: chimera_domain::Campaign,
    signal: chimera_domain::TrendSignal,
    tasks: Vec<chimera_domain::AgentTask>,
    artifact: chimera_domain::Artifact,
}

/// Inserts entities into a table that lacks the columns that `later` migrations add.
async fn insert_early<'a, E>(
    db: &DatabaseConnection,
    entities: impl IntoIterator<Item = &'a E::Domain>,
    later: &[E::Column],
) where
    E: Mapped,
    E::Domain: 'a,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    for entity in entities {
        let mut row = E::write(entity, TenantId::DEFAULT).unwrap().into_active_model();
        later.iter().for_each(|column| row.not_set(*column));
        E::insert(row).exec_without_returning(db).await.unwrap();
    }
}

/// The tables that each migration makes.
const TABLES: [&[&str]; 27] = [
    &["agents", "campaigns"],
    &["resource_cursors", "trend_signals"],
    &["agent_tasks", "task_dependencies"],
    &["artifacts", "tool_calls"],
    &["judge_decisions", "hitl_queue_items"],
    &["publications"],
    &["alerts"],
    &["audit_head", "audit_log"],
    &["spend_ledger"],
    &["duties"],
    &[],
    &[],
    &[],
    &[],
    &[],
    &["memory_heads", "agent_memories"],
    &["spend_totals"],
    &["trends"],
    &[],
    &["credentials"],
    &["signal_marks"],
    &["judge_calibrations"],
    &[],
    &[],
    &[],
    &[],
    &[],
];

impl Rows {
    fn new() -> Self {
        let ambient = SeededAmbient::new(5);
        let agent = fixtures::agent(&ambient);
        let campaign = fixtures::campaign(&ambient, &agent);
        let signal = fixtures::signal(&ambient, &campaign, &agent);
        let words = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::GenerateText, vec![]);
        let post = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![words.id]);
        let artifact = fixtures::artifact(&ambient, &words);
        Self { tasks: vec![words, post], ambient, agent, campaign, signal, artifact }
    }

    /// Fills the tables that the `step`-th migration made.
    async fn fill(&self, db: &DatabaseConnection, step: usize) {
        let tenant = TenantId::DEFAULT;
        let task = &self.tasks[0];
        match step {
            0 => {
                insert_early::<agents::Entity>(db, [&self.agent], &[agents::Column::MaxTasksPerDay]).await;
                use campaigns::Column as C;
                let limits = [C::DailyTaskCap, C::DailyBudgetMicros, C::QuietHours, C::PlanReview];
                let later = [&[C::BriefVersion, C::Terms, C::Origin, C::Calibration], &limits[..]].concat();
                insert_early::<campaigns::Entity>(db, [&self.campaign], &later).await;
            }
            1 => {
                let cursor = ResourceCursor {
                    resource_uri: "file:///a.xml".to_owned(),
                    content_hash: Some("abc".to_owned()),
                    read_at: Some(self.ambient.now()),
                    rhythm: chimera_domain::policy::FeedRhythm::default(),
                    failures: 1,
                    last_error: Some("late".to_owned()),
                };
                let later = [cursors::Column::ChangedAt, cursors::Column::GapMs];
                insert_early::<cursors::Entity>(db, [&cursor], &later).await;
                let later = [signals::Column::DecidedAt, signals::Column::Note, signals::Column::StoryId];
                insert_early::<signals::Entity>(db, [&self.signal], &later).await;
            }
            2 => {
                let later = [tasks::Column::CancelReason, tasks::Column::Failures];
                insert_early::<tasks::Entity>(db, &self.tasks, &later).await;
                let edge = dependencies::Model {
                    tenant_id: tenant.as_uuid(),
                    task_id: self.tasks[1].id.as_uuid(),
                    depends_on_id: task.id.as_uuid(),
                    position: 0,
                };
                batch::insert_rows::<dependencies::Entity>(db, vec![edge], None).await.unwrap();
            }
            3 => {
                insert_early::<artifacts::Entity>(db, [&self.artifact], &[artifacts::Column::InReplyTo]).await;
                batch::insert::<tool_calls::Entity>(db, tenant, &self.artifact.tool_log).await.unwrap();
            }
            4 => {
                let decision = fixtures::decision(&self.ambient, task, &self.artifact, Verdict::HitlQueue);
                let later = [decisions::Column::RawConfidence, decisions::Column::OpinionOf];
                insert_early::<decisions::Entity>(db, [&decision], &later).await;
                let ticket = fixtures::ticket(&self.ambient, task, &self.artifact);
                batch::insert::<tickets::Entity>(db, tenant, [&ticket]).await.unwrap();
            }
            5 => {
                let later = [publications::Column::NotBeforeMs];
                insert_early::<publications::Entity>(db, [&self.publication()], &later).await;
            }
            6 => {
                let alert = fixtures::alert(&self.ambient, AlertKind::DeadLetter, "task");
                use alerts::Column as C;
                let later = [C::Told, C::TellTries, C::TellAfter, C::TellError];
                insert_early::<alerts::Entity>(db, [&alert], &later).await;
            }
            7 => {
                let subject = (AuditSubject::Task, task.id.as_uuid());
                let action = AuditAction::TaskRetried;
                let record = AuditRecord::new(self.ambient.now(), Actor::system(), action, subject.0, subject.1);
                audit::append(db, tenant, &[record]).await.unwrap();
            }
            8 => {
                let entry = fixtures::ledger_entry(&self.ambient, task);
                batch::insert::<spend_ledger::Entity>(db, tenant, [&entry]).await.unwrap();
            }
            9 => {
                let duty = duties::Model {
                    tenant_id: tenant.as_uuid(),
                    name: "sweep".to_owned(),
                    owner: "somebody".to_owned(),
                    lease_expires_ms: 7,
                    state_version: 1,
                };
                batch::insert_rows::<duties::Entity>(db, vec![duty], None).await.unwrap();
            }
            15 => {
                let head = memory_heads::Model {
                    tenant_id: tenant.as_uuid(),
                    agent_id: self.agent.id.as_uuid(),
                    seq: 3,
                    live: 1,
                    forgotten: 2,
                    state_version: 4,
                };
                batch::insert_rows::<memory_heads::Entity>(db, vec![head], None).await.unwrap();
                let memory = fixtures::memory(&self.ambient, self.agent.id);
                let row = memories::Entity::write(&memory.0, tenant).unwrap();
                let backend = match db.get_database_backend() {
                    sea_orm::DbBackend::Sqlite => Backend::Sqlite,
                    _ => Backend::Postgres,
                };
                let insert = crate::memory::insert_rows([(row, memory.1.values())].into_iter(), backend).unwrap();
                db.execute(&insert).await.unwrap();
            }
            17 => {
                let trend = fixtures::trend(&self.ambient, &self.signal);
                batch::insert::<trends::Entity>(db, tenant, [&trend]).await.unwrap();
            }
            19 => {
                let (kind, life) = (CredentialKind::Token, chrono::Duration::days(1));
                let (token, _) = Credential::grant(kind, AccessRole::Viewer, "ci", life, tenant, &self.ambient);
                batch::insert::<credentials::Entity>(db, tenant, [&token]).await.unwrap();
            }
            20 => {
                let mark = signal_marks::Model {
                    id: self.signal.id.as_uuid(),
                    tenant_id: tenant.as_uuid(),
                    campaign_id: self.campaign.id.as_uuid(),
                    mark: "UP".to_owned(),
                    note: Some("silk".to_owned()),
                    marked_by: "operator:mara".to_owned(),
                    state_version: 1,
                    created_at: self.ambient.now(),
                    updated_at: self.ambient.now(),
                };
                batch::insert_rows::<signal_marks::Entity>(db, vec![mark], None).await.unwrap();
            }
            21 => {
                let map = fixtures::calibration(&self.ambient);
                let row = calibrations::row(tenant, Some(self.campaign.id), &map, self.ambient.now()).unwrap();
                batch::insert_rows::<calibrations::Entity>(db, vec![row], None).await.unwrap();
            }
            // Columns and indices only.
            _ => {}
        }
    }

    fn publication(&self) -> Publication {
        let artifact: ArtifactId = self.artifact.id;
        Publication {
            id: PublicationId::generate(&self.ambient),
            tenant_id: TenantId::DEFAULT,
            trace_id: self.signal.trace_id,
            task_id: self.tasks[0].id,
            artifact_id: artifact,
            channel: self.artifact.channel,
            idempotency_key: Publication::idempotency_key(artifact, &self.artifact.content_hash),
            state: PublicationState::Refused,
            attempts: 3,
            external_id: Some("x".to_owned()),
            url: Some("https://example.org/x".to_owned()),
            last_error: Some("no".to_owned()),
            state_version: StateVersion::new(4),
            created_at: self.ambient.now(),
            updated_at: self.ambient.now(),
        }
    }
}

async fn every_step_is_undone(db: DatabaseConnection, backend: Backend) {
    let rows = Rows::new();
    assert_eq!(Migrator::migrations().len(), TABLES.len(), "name the new migration's tables above");
    let empty = schema(&db, backend).await;
    for step in 0..TABLES.len() {
        let below = TABLES[..step].concat();
        let (before, kept) = (schema(&db, backend).await, data(&db, &below, step).await);
        Migrator::up(&db, Some(1)).await.unwrap();
        let after = schema(&db, backend).await;
        assert_ne!(after, before);
        rows.fill(&db, step).await;
        Migrator::down(&db, Some(1)).await.unwrap();
        assert_eq!(schema(&db, backend).await, before, "down of step {step} leaves something behind");
        assert_eq!(data(&db, &below, step).await, kept, "down of step {step} touched older tables");
        Migrator::up(&db, Some(1)).await.unwrap();
        assert_eq!(schema(&db, backend).await, after, "up of step {step} is not what it was");
        rows.fill(&db, step).await;
        let filled = data(&db, TABLES[step], step).await;
        assert!(filled.values().all(|rows| !rows.is_empty()), "{filled:?}");
    }
    Migrator::down(&db, None).await.unwrap();
    assert_eq!(schema(&db, backend).await, empty);
    let left: Vec<_> =
        sea_orm_migration::seaql_migrations::Entity::find().all(&db).await.unwrap().into_iter().collect();
    assert_eq!(left, []);
}

#[tokio::test]
async fn every_step_is_undone_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", folder.path().join("steps.db").display()));
    options.max_connections(1).map_sqlx_sqlite_opts(|sqlite| sqlite.foreign_keys(true));
    every_step_is_undone(Database::connect(options).await.unwrap(), Backend::Sqlite).await;
}

#[tokio::test]
async fn every_step_is_undone_on_postgres() {
    let database = TestPostgres::shared().database().unwrap();
    every_step_is_undone(Database::connect(database.url).await.unwrap(), Backend::Postgres).await;
}
