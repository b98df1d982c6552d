//! Going over the whole log, page by page in one snapshot, and over the rows that it speaks of.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait,
    sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use chimera_domain::{
    AuditEntry, AuditFinding, AuditHead, AuditSubject, ChainVerifier, FindingKind, NotedHead, error_chain,
};

use super::head;
use crate::{
    Result, Store, batch,
    codec::Mapped,
    entity::{audit_log, decisions, tickets},
    guards,
};

/// Entries looked at together.
const PAGE: u64 = 1_000;
/// Findings kept; more are only counted.
const FINDINGS_MAX: usize = 1_000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Where the log ends: to be noted elsewhere, and given to a later verification.
    pub head: AuditHead,
    /// How many entries were looked at.
    pub entries: u64,
    /// How many of them speak of a row that never changes after, and were compared with it.
    pub compared: u64,
    /// What does not fit, in the order of the log; at most 1,000.
    pub findings: Vec<AuditFinding>,
    /// How many more findings there were.
    pub more: u64,
}

impl AuditReport {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn take(&mut self, found: &mut Vec<AuditFinding>) {
        let room = FINDINGS_MAX.saturating_sub(self.findings.len());
        self.more += found.len().saturating_sub(room) as u64;
        self.findings.extend(found.drain(..).take(room));
    }
}

impl Store {
    /// Checks the audit log: that every entry is there, in its place, and says what it said; that it ends where its head
    /// says, and still has the heads that were noted elsewhere; that the decisions and answers it speaks of are what they
    /// were, and that there are none it does not speak of; and that the triggers are in force which keep it so.
    ///
    /// Needs the same little memory for any number of entries. Others may go on writing: what is looked at is one moment.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn audit_verify(&self, noted: &[NotedHead]) -> Result<AuditReport> {
        let tx = self.snapshot().await?;
        let head = head(&tx, self.tenant, None).await?.map(|(head, _)| head);
        let mut verifier = ChainVerifier::new(head.clone(), noted);
        let head = head.unwrap_or_else(AuditHead::start);
        let mut report = AuditReport { head, entries: 0, compared: 0, findings: vec![], more: 0 };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let rows = self.page(&tx, after).await?;
            let seqs = rows.iter().filter_map(|row| row.try_get::<i64>("", "seq").ok());
            let reached = seqs.max();
            let full = rows.len() as u64 == PAGE;
            let entries = self.check_page(&mut verifier, rows, &mut found);
            report.compared += self.compare(&tx, &entries, &mut found).await?;
            report.take(&mut found);
            // A number that is none sorts last and would come again and again.
            if !full || reached <= after {
                break;
            }
            after = reached;
        }
        report.entries = verifier.entries();
        verifier.finish(&mut found);
        self.unlogged(&tx, &mut found).await?;
        let guards = guards::missing(&tx).await?;
        found.extend(guards.into_iter().map(|name| {
            AuditFinding::new(FindingKind::Unguarded, format!("the trigger {name} is gone or switched off"))
        }));
        report.take(&mut found);
        tx.rollback().await?;
        Ok(report)
    }

    async fn page(&self, db: &impl ConnectionTrait, after: Option<i64>) -> Result<Vec<QueryResult>> {
        use audit_log::Column as C;
        let mut select = audit_log::Entity::find().filter(batch::of_tenant::<audit_log::Entity>(self.tenant));
        if let Some(after) = after {
            select = select.filter(C::Seq.gt(after));
        }
        Ok(db.query_all(select.order_by_asc(C::Seq).limit(PAGE).as_query()).await?)
    }

    /// The entries that can be read.
    fn check_page(
        &self,
        verifier: &mut ChainVerifier,
        rows: Vec<QueryResult>,
        found: &mut Vec<AuditFinding>,
    ) -> Vec<AuditEntry> {
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let read = audit_log::Model::from_query_result(&row, "").map_err(Into::into);
            match read.and_then(audit_log::Entity::read) {
                Ok(entry) => {
                    verifier.check(&entry, found);
                    entries.push(entry);
                }
                Err(error) => verifier.unreadable(row.try_get("", "seq").ok(), &error_chain(&error), found),
            }
        }
        entries
    }

    /// Compares rows with the digests that entries have of them; returns how many.
    async fn compare(
        &self,
        db: &impl ConnectionTrait,
        entries: &[AuditEntry],
        found: &mut Vec<AuditFinding>,
    ) -> Result<u64> {
        let of = |kind: AuditSubject| {
            let about = entries.iter().filter(move |e| e.subject_kind == kind.as_str() && e.subject_digest.is_some());
            about.map(|entry| entry.subject_id)
        };
        let mut digests: HashMap<(&str, Uuid), Option<String>> = HashMap::new();
        let rows = batch::find::<decisions::Entity>(db, self.tenant, decisions::Column::Id, of(AuditSubject::Decision));
        for row in rows.await? {
            let key = (AuditSubject::Decision.as_str(), row.id);
            digests.insert(key, decisions::Entity::read(row).ok().map(|decision| decision.digest()));
        }
        let rows = batch::find::<tickets::Entity>(db, self.tenant, tickets::Column::Id, of(AuditSubject::Ticket));
        for row in rows.await? {
            let key = (AuditSubject::Ticket.as_str(), row.id);
            digests.insert(key, tickets::Entity::read(row).ok().and_then(|ticket| ticket.answer_digest()));
        }
        let mut compared = 0;
        for entry in entries {
            let Some(wanted) = &entry.subject_digest else { continue };
            compared += 1;
            match digests.get(&(entry.subject_kind.as_str(), entry.subject_id)) {
                Some(Some(digest)) if digest == wanted => {}
                Some(_) => {
                    let message = "the row is not what it was when this was logged";
                    found.push(AuditFinding::new(FindingKind::SubjectChanged, message).of(entry));
                }
                None => {
                    let message = "the row that it speaks of is gone";
                    found.push(AuditFinding::new(FindingKind::SubjectMissing, message).of(entry));
                }
            }
        }
        Ok(compared)
    }

    /// Names decisions and answers of which the log knows nothing.
    async fn unlogged(&self, db: &impl ConnectionTrait, found: &mut Vec<AuditFinding>) -> Result<()> {
        let decisions = self.without_entry::<decisions::Entity>(AuditSubject::Decision, Condition::all());
        let answered = Expr::col((tickets::Entity, tickets::Column::Resolution)).is_not_null();
        let answers = self.without_entry::<tickets::Entity>(AuditSubject::Ticket, Condition::all().add(answered));
        for (subject, message, select) in [
            (AuditSubject::Decision, "this decision was never logged", decisions),
            (AuditSubject::Ticket, "this answer was never logged", answers),
        ] {
            for row in db.query_all(&select).await? {
                let id: Uuid = row.try_get_by_index(0)?;
                found.push(AuditFinding::new(FindingKind::Unlogged, message).about(subject, id));
            }
        }
        Ok(())
    }

    /// Ids of rows of this table which no entry speaks of: a little more than are ever told. A difference of sets, which
    /// both databases make in one pass over each; a join would have SQLite go over the log for every row.
    fn without_entry<E: EntityTrait>(&self, subject: AuditSubject, more: Condition) -> SelectStatement {
        use audit_log::Column as A;
        let spoken_of = Query::select()
            .column(A::SubjectId)
            .from(audit_log::Entity)
            .and_where(batch::of_tenant::<audit_log::Entity>(self.tenant))
            .and_where(A::SubjectKind.eq(subject.as_str()))
            .take();
        Query::select()
            .column((E::default(), "id"))
            .from(E::default())
            .and_where(batch::of_tenant::<E>(self.tenant))
            .cond_where(more)
            .union(UnionType::Except, spoken_of)
            .order_by("id", sea_orm::Order::Asc)
            .limit(FINDINGS_MAX as u64 + 1)
            .take()
    }
}
