//! Every way to tamper with the audit log, and what names it.

use chimera_domain::{Ambient as _, AuditEntry, AuditHead, FindingKind, NotedHead, Resolution, TaskType};
use chimera_store::{AuditReport, Backend};
use sea_orm::{ConnectionTrait as _, Database};

use crate::{
    audit::{detail, filled, log, sound, verified},
    tickets::answer,
    world::World,
};

use FindingKind::{
    Changed, HeadMismatch, Missing, NotedHeadGone, Reordered, SubjectChanged, SubjectMissing, Unguarded, Unlogged,
};

/// Kind and number of each finding, but for the triggers that had to be switched off first.
pub(crate) fn named(report: &AuditReport) -> Vec<(FindingKind, Option<i64>)> {
    let harm = report.findings.iter().filter(|finding| finding.kind != Unguarded);
    harm.map(|finding| (finding.kind, finding.seq)).collect()
}

/// What an owner of the database can do: switches the triggers off, and runs each statement.
pub(crate) async fn forge(world: &World, statements: &[String]) {
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    for table in ["audit_log", "audit_head", "judge_decisions"] {
        if world.store.backend() == Backend::Postgres {
            db.execute_unprepared(&format!("ALTER TABLE {table} DISABLE TRIGGER USER")).await.unwrap();
        } else {
            for what in ["no_update", "no_delete", "no_replace", "forward"] {
                db.execute_unprepared(&format!("DROP TRIGGER IF EXISTS {table}_{what}")).await.unwrap();
            }
        }
    }
    for sql in statements {
        assert!(db.execute_unprepared(sql).await.unwrap().rows_affected() > 0, "{sql}");
    }
}

pub(crate) fn sql(statement: &str) -> Vec<String> {
    vec![statement.to_owned()]
}

pub(crate) async fn append_only_tables_refuse_everything_else(world: World) {
    let (task, ..) = world.waiting_for_a_person().await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let mut forbidden = vec![
        "UPDATE audit_log SET actor = 'human:mallory'",
        "DELETE FROM audit_log WHERE seq = 1",
        "UPDATE audit_head SET seq = seq - 1",
        "DELETE FROM audit_head",
        "UPDATE judge_decisions SET verdict = 'APPROVE'",
        "DELETE FROM judge_decisions",
    ];
    forbidden.extend(if world.store.backend() == Backend::Postgres {
        ["TRUNCATE audit_log", "TRUNCATE audit_head", "TRUNCATE judge_decisions"]
    } else {
        [
            "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE seq = 1",
            "INSERT OR REPLACE INTO judge_decisions SELECT * FROM judge_decisions",
            "REPLACE INTO judge_decisions SELECT * FROM judge_decisions",
        ]
    });
    for sql in forbidden {
        let refused = db.execute_unprepared(sql).await.unwrap_err().to_string();
        assert!(refused.contains("is append-only"), "{sql}: {refused}");
    }
    sound(&world.store).await;
    // What goes on as before.
    assert_eq!(world.store.trace(task.trace_id).await.unwrap().unwrap().decisions.len(), 1);
    filled(&world, 1).await;
}

pub(crate) async fn a_trigger_taken_away_is_told_and_put_back(world: World) {
    forge(&world, &[]).await;
    let report = verified(&world.store).await;
    assert!(report.findings.len() >= 6 && report.findings.iter().all(|f| f.kind == Unguarded), "{report:?}");
    assert_eq!(world.store.migrate().await.unwrap(), 0);
    let back = log(&world.store).await.pop().unwrap();
    assert_eq!(back.action, "schema_migrated");
    assert!(detail(&back, "triggers").contains("audit_log_no_update"), "{}", back.details);
    sound(&world.store).await;
    append_only_tables_refuse_everything_else(world).await;
}

pub(crate) async fn a_changed_entry_is_named_wherever_it_lies(world: World) {
    filled(&world, 2_400).await;
    world.waiting_for_a_person().await;
    sound(&world.store).await;
    let changes = [
        (1, "actor = 'human:mallory'"),
        (2, "action = 'approved by nobody'"),
        (999, "details = '{}'"),
        (1000, "version_after = 7"),
        (1001, "subject_kind = 'ticket'"),
        (2000, "trace_id = '00000000000000000000000000000001'"),
        (2001, "prev_hash = hash"),
        (2402, "hash = prev_hash"),
    ];
    for (seq, set) in changes {
        forge(&world, &[format!("UPDATE audit_log SET {set} WHERE seq = {seq}")]).await;
    }
    let report = verified(&world.store).await;
    let wanted: Vec<_> = changes.iter().map(|(seq, _)| (Changed, Some(i64::from(*seq)))).collect();
    assert_eq!(named(&report), wanted);
    assert_eq!(report.findings[0].subject_id, Some(world.agent.id.as_uuid()));
}

pub(crate) async fn a_time_that_was_changed_is_named(world: World) {
    filled(&world, 3).await;
    let later = "'2031-01-01 00:00:00+00:00'";
    forge(&world, &[format!("UPDATE audit_log SET at = {later} WHERE seq = 4")]).await;
    assert_eq!(named(&verified(&world.store).await), [(Changed, Some(4))]);
}

pub(crate) async fn an_entry_that_can_not_be_read_is_named(world: World) {
    filled(&world, 3).await;
    // PostgreSQL holds columns to their types.
    if world.store.backend() == Backend::Sqlite {
        forge(&world, &sql("UPDATE audit_log SET version_after = 'seven', at = 'noon' WHERE seq = 4")).await;
        assert_eq!(named(&verified(&world.store).await), [(Changed, Some(4))]);
        forge(&world, &sql("UPDATE audit_log SET seq = 'four' WHERE seq = 4")).await;
        let report = verified(&world.store).await;
        assert_eq!(named(&report), [(Missing, Some(4)), (Changed, None)]);
    }
}

pub(crate) async fn missing_entries_are_named_in_the_middle_and_at_the_end(world: World) {
    filled(&world, 10).await;
    forge(&world, &sql("DELETE FROM audit_log WHERE seq IN (1, 5, 6, 7)")).await;
    let report = verified(&world.store).await;
    assert_eq!(named(&report), [(Missing, Some(1)), (Missing, Some(5))]);
    assert_eq!(report.findings[1].last_seq, Some(7));
    forge(&world, &sql("DELETE FROM audit_log WHERE seq > 10")).await;
    let report = verified(&world.store).await;
    assert_eq!(named(&report)[2..], [(Missing, Some(11))]);
    assert_eq!(report.findings[2].last_seq, Some(12));
    forge(&world, &sql("DELETE FROM audit_log")).await;
    let report = verified(&world.store).await;
    assert_eq!((named(&report), report.findings[0].last_seq), (vec![(Missing, Some(1))], Some(12)));
    // The chain goes on where it was.
    filled(&world, 1).await;
    assert_eq!(world.store.audit_head().await.unwrap().seq, 13);
}

pub(crate) async fn swapped_entries_are_named_with_their_places(world: World) {
    filled(&world, 1_500).await;
    let swap = [(-1, 3), (3, 1_200), (1_200, -1)];
    let swap = swap.map(|(to, from)| format!("UPDATE audit_log SET seq = {to} WHERE seq = {from}"));
    forge(&world, &swap).await;
    let report = verified(&world.store).await;
    assert_eq!(named(&report), [(Reordered, Some(3)), (Reordered, Some(1_200))]);
    assert!(report.findings[0].message.ends_with("it was number 1200"), "{}", report.findings[0]);
}

/// Deletes everything after `keep` and goes on from there as if nothing had been.
async fn rewrite_after(world: &World, keep: &AuditHead) {
    let (seq, hash) = (keep.seq, &keep.hash);
    forge(
        world,
        &[
            format!("DELETE FROM audit_log WHERE seq > {seq}"),
            format!("UPDATE audit_head SET seq = {seq}, hash = '{hash}'"),
        ],
    )
    .await;
}

pub(crate) async fn a_rewritten_chain_is_found_by_a_head_noted_elsewhere(world: World) {
    filled(&world, 5).await;
    let heads: Vec<AuditHead> = log(&world.store).await.iter().map(AuditEntry::head).collect();
    let noted: Vec<NotedHead> = [2, 5].iter().map(|at| NotedHead::from(heads[*at].clone())).collect();
    assert!(world.store.audit_verify(&noted).await.unwrap().is_sound());
    rewrite_after(&world, &heads[3]).await;
    filled(&world, 9).await;
    assert_eq!(named(&verified(&world.store).await), [], "the chain itself is whole");
    let report = world.store.audit_verify(&noted).await.unwrap();
    assert_eq!(named(&report), [(NotedHeadGone, Some(6))]);
    assert!(report.findings[0].message.ends_with("it held at 3"), "{}", report.findings[0]);

    // Without the head, the end tells.
    let forged = "a".repeat(64);
    forge(&world, &[format!("UPDATE audit_head SET hash = '{forged}'")]).await;
    let last = world.store.audit_head().await.unwrap().seq;
    assert_eq!(named(&verified(&world.store).await), [(HeadMismatch, Some(last))]);
    forge(&world, &sql("DELETE FROM audit_head")).await;
    assert_eq!(named(&verified(&world.store).await), [(HeadMismatch, Some(last))]);
}

pub(crate) async fn changed_deleted_and_planted_decisions_are_named(world: World) {
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let task = world.ready(TaskType::GenerateText).await;
        world.done(task.id).await;
        tasks.push(task);
    }
    let entries = log(&world.store).await;
    let decisions = &entries[entries.len() - 3..];
    let of = |n: usize| format!("trace_id = '{}'", tasks[n].trace_id);
    let plant = match world.store.backend() {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    let columns = "tenant_id, trace_id, task_id, artifact_id, verdict, confidence, breakdown, persona_score, \
                   safety_flags, sensitive_topics, reasoning_trace, decided_by, next_action, state_version_seen, logged_at";
    forge(
        &world,
        &[
            format!("UPDATE judge_decisions SET confidence = confidence / 2 WHERE {}", of(0)),
            format!("DELETE FROM judge_decisions WHERE {}", of(1)),
            format!(
                "INSERT INTO judge_decisions (id, {columns}) SELECT {plant}, {columns} FROM judge_decisions WHERE {}",
                of(2)
            ),
        ],
    )
    .await;
    let report = verified(&world.store).await;
    let wanted = [(SubjectChanged, Some(decisions[0].seq)), (SubjectMissing, Some(decisions[1].seq)), (Unlogged, None)];
    assert_eq!(named(&report), wanted);
    assert_eq!(report.findings[0].subject_id, Some(decisions[0].subject_id));
    assert_eq!(report.findings[1].subject_id, Some(decisions[1].subject_id));
    let view = world.store.trace(tasks[2].trace_id).await.unwrap().unwrap();
    let planted = report.findings[2].subject_id.unwrap();
    assert!(view.decisions.iter().any(|d| d.id.as_uuid() == planted && planted != decisions[2].subject_id));
    // One that makes no sense any more is changed too.
    forge(&world, &[format!("UPDATE judge_decisions SET verdict = 'PERHAPS' WHERE {}", of(2))]).await;
    assert_eq!(named(&verified(&world.store).await)[2], (SubjectChanged, Some(decisions[2].seq)));
}

pub(crate) async fn changed_and_planted_answers_are_named(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let rejected = answer(&world, (&task, &artifact, &ticket), Resolution::Rejected, "mara");
    world.store.ticket_resolve(&rejected, world.ambient.now()).await.unwrap();
    let (waiting, _, open) = world.waiting_for_a_person().await;
    sound(&world.store).await;
    let answered = log(&world.store).await.iter().rev().find(|e| e.action == "ticket_answered").unwrap().clone();
    let set = "resolution = 'APPROVED', resolved_by = 'mara', state_version = state_version + 1";
    forge(
        &world,
        &[
            format!("UPDATE hitl_queue_items SET resolution = 'APPROVED' WHERE trace_id = '{}'", task.trace_id),
            format!("UPDATE hitl_queue_items SET {set} WHERE trace_id = '{}'", waiting.trace_id),
        ],
    )
    .await;
    let report = verified(&world.store).await;
    assert_eq!(named(&report), [(SubjectChanged, Some(answered.seq)), (Unlogged, None)]);
    assert_eq!(report.findings[1].subject_id, Some(open.id.as_uuid()));
}
