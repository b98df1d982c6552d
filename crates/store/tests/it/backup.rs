//! Backups: what comes back, and what a restored past may do.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use chimera_domain::{
    AlertKind, Ambient as _, Artifact, Campaign, GovernorLimits, SignalMark, TaskEvent, TaskType, TenantId, TraceId,
    TrendSignal, Usd,
};
use chimera_store::{
    Backend, Blobs, PublishOutcome, ResourceCursor, SignalFilter, Store, StoreConfig, TraceView,
    backup::{
        Archive, Backup, BackupError, BackupOrder, Manifest, MediaState, RestoreError, Restored, Restoring, Step,
        TableEntry, check_backup,
    },
    memory::{MemorySearch, in_database},
};
use chimera_testkit::{TestPostgres, fixtures};
use tempfile::TempDir;

use crate::{
    publishing::settlement,
    world::{LEASE, World},
};

/// A folder for archives, media and SQLite files.
pub(crate) struct Bed {
    folder: TempDir,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn blobs(&self, name: &str) -> Blobs {
        Blobs::new(self.path(name))
    }

    /// An empty database of this kind, without a schema.
    pub(crate) async fn empty(&self, backend: Backend, name: &str) -> Store {
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}?mode=rwc", self.path(name).display()),
            Backend::Postgres => TestPostgres::shared().database().unwrap().url,
        };
        let tenant = TenantId::DEFAULT;
        Store::connect(&StoreConfig { connections_max: 3, tenant, ..StoreConfig::new(url) }).await.unwrap()
    }

    /// Backs up, with the media in `media`.
    pub(crate) async fn backup(&self, store: &Store, name: &str) -> Backup {
        let order = order(&self.path(name));
        store.backup(&self.blobs("media"), &order, &|_| {}).await.unwrap()
    }

    pub(crate) async fn check(&self, name: &str) -> Archive {
        check_backup(self.path(name)).await.unwrap()
    }

    /// Restores with the media into `restored-media`.
    pub(crate) async fn restore(&self, store: &Store, name: &str) -> Result<Restored, RestoreError> {
        let archive = self.check(name).await;
        store.restore(&archive, &self.blobs("restored-media"), AS_IT_WAS, &|_| {}).await
    }

    /// The names of everything in the folder.
    pub(crate) fn listing(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    chimera_testkit::SeededAmbient::new(1).now()
}

pub(crate) fn order(output: &Path) -> BackupOrder {
    BackupOrder { output: output.to_owned(), force: false, taken_at: now() }
}

pub(crate) const AS_IT_WAS: Restoring =
    Restoring { keep_running: true, keep_damaged: false, now: chrono::DateTime::<chrono::Utc>::UNIX_EPOCH };

/// Keeps the blob that a fixture's artifact refers to; returns its file's name.
pub(crate) async fn keep_media(blobs: &Blobs, artifact: &Artifact) -> String {
    let mark = artifact.text.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let sha256 = blobs.put(mark.as_bytes(), &artifact.media[0].mime).await.unwrap();
    assert_eq!(sha256, artifact.media[0].sha256);
    format!("{sha256}.png")
}

/// Fills every table, each column of it; nothing is under a lease at the end. Returns a trace of each kind.
async fn fill(world: &World, blobs: &Blobs) -> Vec<TraceId> {
    let ambient = &world.ambient;
    let (signal, tasks) = world.planned().await;
    world.done(tasks[0].id).await;
    let (published, artifact) = world.approved().await;
    keep_media(blobs, &artifact).await;
    let case = world.begin(&[published.id], "publisher", LEASE).await.remove(0);
    let confirmed =
        PublishOutcome::Confirmed { external_id: "1".to_owned(), url: Some("https://a.example/1".to_owned()) };
    world.store.publish_settle(vec![settlement(&case, confirmed, None)], ambient.now()).await.unwrap();
    let (asked, artifact, _) = world.waiting_for_a_person().await;
    keep_media(blobs, &artifact).await;
    let (failed, artifact) = world.in_review(world.ready(TaskType::AssemblePost).await.id).await;
    let ruling = world.ruling(&failed, &artifact, TaskEvent::Reject);
    world.store.task_decide(vec![ruling], ambient.now()).await.unwrap();
    for artifact in all_artifacts(world, &[signal.trace_id, failed.trace_id]).await {
        keep_media(blobs, &artifact).await;
    }
    world
        .store
        .alerts_raise(&[fixtures::alert(ambient, AlertKind::FeedDown, "a"), without_trace(world)])
        .await
        .unwrap();
    world.store.cursors_save(&cursors(world)).await.unwrap();
    world.store.trends_save(&[fixtures::trend(ambient, &signal)], &[]).await.unwrap();
    world.store.signal_mark(signal.id, SignalMark::Up, Some("silk"), ambient.now()).await.unwrap();
    let maps = [(Some(world.campaign.id), fixtures::calibration(ambient))].into();
    world.store.judge_calibrate(&maps, ambient.now()).await.unwrap();
    let memories: Vec<_> = (0..3).map(|_| fixtures::memory(ambient, world.agent.id)).collect();
    in_database(world.store.clone()).add(&memories).await.unwrap();
    vec![signal.trace_id, published.trace_id, asked.trace_id, failed.trace_id]
}

async fn all_artifacts(world: &World, traces: &[TraceId]) -> Vec<Artifact> {
    let mut artifacts = vec![];
    for trace in traces {
        artifacts.extend(world.store.trace(*trace).await.unwrap().unwrap().artifacts);
    }
    artifacts
}

fn without_trace(world: &World) -> chimera_domain::Alert {
    chimera_domain::Alert { trace_id: None, ..fixtures::alert(&world.ambient, AlertKind::DeadLetter, "b") }
}

/// Their names sort differently by bytes than by any locale.
const NAMES: [&str; 8] = ["a", "B", "Z", "_", "\u{e4}", "\u{1f600}", "a b", "A'\"b"];

fn cursors(world: &World) -> Vec<ResourceCursor> {
    let cursor = |name: &&str| ResourceCursor {
        resource_uri: format!("file:///{name}"),
        content_hash: (*name != "a").then(|| "abc".to_owned()),
        read_at: (*name != "B").then(|| world.ambient.now()),
        rhythm: chimera_domain::policy::FeedRhythm::default(),
        failures: 3,
        last_error: Some("timed out".to_owned()),
    };
    NAMES.iter().map(cursor).collect()
}

/// Everything that the store tells of these traces and the fleet.
#[derive(Debug, PartialEq)]
struct Told {
    traces: Vec<Option<TraceView>>,
    agents: Vec<chimera_domain::Agent>,
    campaigns: Vec<Campaign>,
    cursors: Vec<ResourceCursor>,
    signals: Vec<TrendSignal>,
    alerts: Vec<chimera_domain::Alert>,
    spend: chimera_domain::Usd,
}

async fn told(store: &Store, traces: &[TraceId]) -> Told {
    let mut views = vec![];
    for trace in traces {
        views.push(store.trace(*trace).await.unwrap());
    }
    let uris: Vec<String> = NAMES.iter().map(|name| format!("file:///{name}")).collect();
    let mut cursors = store.cursors(&uris).await.unwrap();
    cursors.sort_by(|a, b| a.resource_uri.cmp(&b.resource_uri));
    Told {
        traces: views,
        agents: store.agents().await.unwrap(),
        campaigns: store.campaigns().await.unwrap(),
        cursors,
        signals: store.signals(&SignalFilter { campaign: None, outcome: None, limit: 99 }).await.unwrap(),
        alerts: store.alerts_open(99).await.unwrap(),
        spend: store.spend_total(None).await.unwrap(),
    }
}

/// Rows of a table.
fn rows(manifest: &Manifest, table: &str) -> u64 {
    manifest.tables.iter().find(|entry| entry.name == table).unwrap().rows
}

/// What a restore leaves as it was.
fn but_the_log(manifest: &Manifest) -> Vec<TableEntry> {
    manifest.tables.iter().filter(|table| !table.name.starts_with("audit_")).cloned().collect()
}

pub(crate) async fn everything_comes_back_on_either_database(world: World) {
    let bed = Bed::new();
    let traces = Box::pin(fill(&world, &bed.blobs("media"))).await;
    let before = told(&world.store, &traces).await;
    let remembered = remembered(&world, &world.store).await;
    assert_eq!(remembered.len(), 3);
    let backup = bed.backup(&world.store, "first.tar.gz").await;
    assert_eq!(backup.lost, []);
    for table in &backup.manifest.tables {
        assert!(table.rows > 0, "{} is empty, so nothing is shown of it", table.name);
    }
    assert!(backup.manifest.media.files >= 4, "{:?}", backup.manifest.media);
    assert_eq!(bed.check("first.tar.gz").await.manifest, backup.manifest);
    assert_eq!(std::fs::metadata(&backup.path).unwrap().len(), backup.bytes);

    // To the other kind and from there to both: each is equal to the first, to the byte.
    let other = match world.store.backend() {
        Backend::Sqlite => Backend::Postgres,
        Backend::Postgres => Backend::Sqlite,
    };
    let mut archive = "first.tar.gz".to_owned();
    let noted = [world.store.audit_head().await.unwrap().into()];
    for (step, backend) in (0..).zip([other, world.store.backend(), world.store.backend(), other]) {
        let store = bed.empty(backend, &format!("{step}.db")).await;
        let restored = bed.restore(&store, &archive).await.unwrap();
        assert_eq!((restored.paused.len(), restored.leases_ended, restored.migrations_added), (0, 0, 0));
        assert_eq!(told(&store, &traces).await, before, "step {step}");
        assert_eq!(self::remembered(&world, &store).await, remembered, "step {step}");
        archive = format!("{step}.tar.gz");
        let again = bed.backup(&store, &archive).await.manifest;
        assert_eq!(but_the_log(&again), but_the_log(&backup.manifest), "step {step}");
        let entries = |manifest: &Manifest| rows(manifest, "audit_log");
        assert_eq!(entries(&again), entries(&backup.manifest) + step + 1, "each restore is logged");
        assert_eq!(store.audit_verify(&noted).await.unwrap().findings, [], "the chain goes on");
        assert_eq!(again.media, backup.manifest.media);
        assert_eq!(again.header.database, backend);
        assert!(store.migrations().await.unwrap().iter().all(|migration| migration.applied));
    }
    for artifact in all_artifacts(&world, &traces).await {
        let media = &artifact.media[0];
        bed.blobs("restored-media").get(&media.sha256, &media.mime).await.unwrap();
    }
}

/// What the agent's memories say to one of them.
async fn remembered(world: &World, store: &Store) -> Vec<chimera_domain::Memory> {
    let near = chimera_domain::MemoryVector::new("test-16", vec![1.0; 16]).unwrap();
    let found = in_database(store.clone()).search(&MemorySearch::new(world.agent.id, near, 9)).await.unwrap();
    found.into_iter().map(|one| one.memory).collect()
}

/// The governor lets everything through.
async fn unlimited(mut world: World) -> World {
    let limits = GovernorLimits {
        max_daily_spend: Usd::dollars(9_999_999),
        max_tasks_per_hour: 9_999_999,
        max_hourly_spend: None,
        max_tasks_per_day: None,
    };
    world.agent.governor_limits = limits;
    world.agent = world.store.agent_save(&world.agent).await.unwrap();
    world
}

pub(crate) async fn more_rows_than_a_page_come_back(world: World) {
    let (bed, count) = (Bed::new(), 256 * 2 + 3);
    let world = unlimited(world).await;
    let (mut signals, mut tasks) = (vec![], vec![]);
    for _ in 0..count {
        let signal = world.signal();
        tasks.push(world.task(&signal, TaskType::GenerateText, vec![]));
        signals.push(signal);
    }
    world.store.plan_commit(&world.plan(signals, tasks)).await.unwrap();
    let cursors: Vec<_> = (0..count)
        .map(|number| {
            let uri = format!("file:///{}{number}", NAMES[number % NAMES.len()]);
            ResourceCursor {
                resource_uri: uri,
                content_hash: None,
                read_at: None,
                rhythm: chimera_domain::policy::FeedRhythm::default(),
                failures: 0,
                last_error: None,
            }
        })
        .collect();
    world.store.cursors_save(&cursors).await.unwrap();
    let steps = Mutex::new(vec![]);
    let report = |step: Step<'_>| {
        if let Step::Table { name, rows } = step {
            steps.lock().unwrap().push((name.to_owned(), rows));
        }
    };
    let order = order(&bed.path("many.tar.gz"));
    let backup = world.store.backup(&bed.blobs("media"), &order, &report).await.unwrap();
    let wanted = u64::try_from(count).unwrap();
    for table in ["trend_signals", "agent_tasks", "resource_cursors"] {
        assert_eq!(rows(&backup.manifest, table), wanted, "{table}");
        assert!(steps.lock().unwrap().contains(&(table.to_owned(), wanted)), "{table} was not reported");
    }
    let store = bed.empty(Backend::Sqlite, "many.db").await;
    bed.restore(&store, "many.tar.gz").await.unwrap();
    assert_eq!(but_the_log(&bed.backup(&store, "again.tar.gz").await.manifest), but_the_log(&backup.manifest));
}

pub(crate) async fn a_backup_is_of_one_moment_while_others_write(world: World) {
    let (bed, world) = (Bed::new(), unlimited(world).await);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let writing = async {
        let mut plans = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) || plans < 5 {
            let (signals, tasks) = plan_of_three(&world);
            world.store.plan_commit(&world.plan(signals, tasks)).await.unwrap();
            plans += 1;
        }
    };
    let reading = async {
        let mut seen = vec![];
        for round in 0..6 {
            let manifest = bed.backup(&world.store, &format!("{round}.tar.gz")).await.manifest;
            let rows = |table: &str| rows(&manifest, table);
            // Each plan is one signal with three tasks and two edges, in one transaction.
            let counts = (rows("trend_signals"), rows("agent_tasks"), rows("task_dependencies"));
            assert_eq!((counts.0 * 3, counts.0 * 2), (counts.1, counts.2), "half a plan in round {round}");
            seen.push(counts.0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        seen
    };
    let ((), seen) = tokio::join!(writing, reading);
    assert!(seen.is_sorted() && seen.first() < seen.last(), "nothing was written meanwhile: {seen:?}");
}

fn plan_of_three(world: &World) -> (Vec<TrendSignal>, Vec<chimera_domain::AgentTask>) {
    let signal = world.signal();
    let tasks = fixtures::dag(&world.ambient, &world.campaign, &world.agent, &signal);
    (vec![signal], tasks)
}

pub(crate) async fn lost_media_are_named_and_the_rest_is_kept(world: World) {
    let bed = Bed::new();
    let media = bed.blobs("media");
    let mut files = vec![];
    for _ in 0..3 {
        let (task, artifact) = world.approved().await;
        files.push((keep_media(&media, &artifact).await, task.trace_id));
    }
    std::fs::remove_file(bed.path("media").join(&files[0].0)).unwrap();
    std::fs::write(bed.path("media").join(&files[1].0), b"scribbled over").unwrap();
    let backup = bed.backup(&world.store, "lost.tar.gz").await;
    let mut wanted = vec![
        (files[0].0.clone(), MediaState::Missing, files[0].1.to_string()),
        (files[1].0.clone(), MediaState::Damaged, files[1].1.to_string()),
    ];
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    let lost: Vec<_> = backup.lost.iter().map(|line| (line.file.clone(), line.state, line.trace_id.clone())).collect();
    assert_eq!(lost, wanted);
    let summary = &backup.manifest.media;
    assert_eq!((summary.files, summary.missing, summary.damaged, summary.lost()), (1, 1, 1, 2));

    let archive = bed.check("lost.tar.gz").await;
    assert_eq!(archive.lost, backup.lost, "the archive names them too");
    let store = bed.empty(world.store.backend(), "lost.db").await;
    bed.restore(&store, "lost.tar.gz").await.unwrap();
    let kept: Vec<_> = std::fs::read_dir(bed.path("restored-media")).unwrap().collect();
    assert_eq!(kept.len(), 1);
}

pub(crate) async fn a_file_that_is_there_is_overwritten_only_by_force(world: World) {
    let bed = Bed::new();
    std::fs::write(bed.path("mine.tar.gz"), b"precious").unwrap();
    let order = order(&bed.path("mine.tar.gz"));
    let refused = world.store.backup(&bed.blobs("media"), &order, &|_| {}).await.unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }) && refused.to_string().contains("--force"), "{refused}");
    assert_eq!(std::fs::read(bed.path("mine.tar.gz")).unwrap(), b"precious");
    let forced = BackupOrder { force: true, ..order };
    let backup = world.store.backup(&bed.blobs("media"), &forced, &|_| {}).await.unwrap();
    assert_eq!(bed.check("mine.tar.gz").await.manifest, backup.manifest);
    let mode = std::fs::metadata(&backup.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds drafts and personas");
    assert_eq!(bed.listing(), ["mine.tar.gz"], "nothing else is left");

    let nowhere = BackupOrder { output: bed.path("nowhere/b.tar.gz"), ..forced };
    let refused = world.store.backup(&bed.blobs("media"), &nowhere, &|_| {}).await.unwrap_err();
    assert!(matches!(refused, BackupError::Write { .. }), "{refused:?}");
    assert_eq!(bed.listing(), ["mine.tar.gz"]);
}

pub(crate) async fn an_older_schema_is_backed_up_and_brought_up_to_date(world: World) {
    let bed = Bed::new();
    let all = world.store.migrations().await.unwrap().len();
    let (task, _) = world.approved().await;
    world.store.rollback(2).await.unwrap();
    let backup = bed.backup(&world.store, "old.tar.gz").await;
    assert_eq!(backup.manifest.header.schema.len(), all - 2);
    for (name, migrated) in [("fresh.db", false), ("migrated.db", true)] {
        let store = bed.empty(world.store.backend(), name).await;
        if migrated {
            store.migrate().await.unwrap();
        }
        let restored = bed.restore(&store, "old.tar.gz").await.unwrap();
        assert_eq!(restored.migrations_added, 2);
        assert!(store.migrations().await.unwrap().iter().all(|migration| migration.applied));
        assert_eq!(store.tasks_by_ids(&[task.id]).await.unwrap().len(), 1);
        assert_eq!(store.alerts_open(1).await.unwrap(), []);
    }
    world.store.rollback(99).await.unwrap();
    let refused = world.store.backup(&bed.blobs("media"), &order(&bed.path("none.tar.gz")), &|_| {}).await;
    assert!(matches!(refused, Err(BackupError::NoSchema)), "{refused:?}");
}

pub(crate) async fn plans_on_restored_campaigns_go_on(world: World) {
    let bed = Bed::new();
    bed.backup(&world.store, "fleet.tar.gz").await;
    let store = bed.empty(world.store.backend(), "fleet.db").await;
    bed.restore(&store, "fleet.tar.gz").await.unwrap();
    let (signals, tasks) = plan_of_three(&world);
    let ready = store.plan_commit(&world.plan(signals, tasks)).await.unwrap();
    assert_eq!(ready.len(), 2);
}
