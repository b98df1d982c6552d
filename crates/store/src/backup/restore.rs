//! Restoring an archive into an empty database, all of it or nothing.

use std::{collections::HashMap, path::Path};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Alias, Expr, ExprTrait, Query},
};
use sea_orm_migration::MigratorTrait as _;
use tokio::sync::mpsc;

use chimera_domain::{CampaignStatus, StateVersion, TaskState, TenantId};

use super::{
    Archive, ArchiveError, Damaged, Flaw, MEDIA_STEP, Manifest, MediaLine, Progress, RestoreError, Step,
    archive::{Halt, Sink, Stopped, walk},
    doubt,
    rows::Sheet,
    sound, tables,
};
use crate::{
    Blobs, Store,
    audit::{self, records},
    batch, campaigns,
    dialect::catalogue,
    entity::{campaigns as campaign_rows, tasks},
    migration::Migrator,
    schema,
    store::WriteTx,
    versioned::{self, Seen},
};

/// Rows handed over at once, at the most.
const BATCH_ROWS: usize = 1_000;
/// Bytes of rows handed over at once; one row may be longer.
const BATCH_BYTES: usize = 1 << 20;
/// Batches and blobs that wait for the database.
const PIECES_WAITING: usize = 2;

/// How to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoring {
    /// Whether campaigns that were ACTIVE stay so, and nothing is in doubt. For moving a fleet that was stopped before its
    /// backup; after a loss, posts that went out since the backup would go out again.
    pub keep_running: bool,
    /// Whether rows are restored that can't be read. Each harms itself alone, but what it says is lost.
    pub keep_damaged: bool,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What was in the archive.
    pub manifest: Manifest,
    /// Migrations that the archive's schema lacked.
    pub migrations_added: u32,
    /// Slugs of the campaigns that were ACTIVE and are PAUSED now.
    pub paused: Vec<String>,
    /// Tasks that someone held when the backup was taken; their leases are over.
    pub leases_ended: u64,
    /// Posts that were made but not out when the backup was taken, and may be out now: each is looked up by its key before
    /// it is published. None for a fleet that keeps running.
    pub posts_in_doubt: u64,
    /// Posts that were planned but not made by then, and may be out in other words: each goes out by a person's word only.
    pub posts_to_ask: u64,
    /// Rows that can't be read; none unless they were to be kept.
    pub damaged: Damaged,
}

impl Store {
    /// Whether this archive can be restored into this database. Writes nothing.
    ///
    /// # Errors
    /// [`RestoreError`] with what stands in the way.
    pub async fn restorable(&self, archive: &Archive) -> Result<(), RestoreError> {
        self.admit(&archive.manifest)?;
        schema::applied(&self.db, self.backend).await?;
        self.ensure_empty(&self.db).await
    }

    /// Restores the archive, whatever kind of database it was taken from, and brings it to this program's schema. The
    /// database must be empty; it may have a schema. All leases end. Unless told otherwise, campaigns are paused, and
    /// what may have gone out since the backup is in doubt: looked up by its key, or put before a person.
    ///
    /// # Errors
    /// [`RestoreError`]; then the database is as it was. Blobs that were written by then stay: they are named by their
    /// content, so they harm nobody, and restoring again needs them.
    pub async fn restore(
        &self,
        archive: &Archive,
        blobs: &Blobs,
        how: Restoring,
        progress: Progress<'_>,
    ) -> Result<Restored, RestoreError> {
        self.admit(&archive.manifest)?;
        let tx = self.begin_migration().await?;
        self.ensure_empty(&*tx).await?;
        self.to_schema(&tx, &archive.manifest).await?;
        let sheets = self.sheets(&tx, &archive.manifest).await?;
        fill(&tx, self.tenant, archive, sheets, blobs, progress).await?;
        let migrations_added = self.bring_up_to_date(&tx).await?;
        let leases_ended = self.end_leases(&tx).await?;
        let (mut paused, mut doubts, mut logged) = (vec![], doubt::Doubts::default(), vec![]);
        if !how.keep_running {
            doubts = doubt::mark(&*tx, self.tenant, archive.manifest.header.taken_at, how.now).await?;
        }
        let restored = records::database_restored(&archive.manifest, self.actor.clone(), how.now);
        logged.push(restored.with("posts_in_doubt", doubts.made).with("posts_to_ask", doubts.unmade));
        if !how.keep_running {
            for campaign in self.pause_all(&tx, how.now).await? {
                let from = CampaignStatus::Active.as_str();
                logged.push(records::campaign_status_set(&campaign, from, self.actor.clone(), how.now));
                paused.push(campaign.slug);
            }
        }
        audit::append(&*tx, self.tenant, &logged).await?;
        let damaged = sound::look(&tx, self.backend, self.tenant).await?;
        if damaged.count > 0 && !how.keep_damaged {
            return Err(RestoreError::Damaged(damaged));
        }
        blobs.sync().await?;
        tx.commit().await?;
        Ok(Restored {
            manifest: archive.manifest.clone(),
            migrations_added,
            paused,
            leases_ended,
            posts_in_doubt: doubts.made,
            posts_to_ask: doubts.unmade,
            damaged,
        })
    }

    /// Whether the archive is this tenant's and of a schema that this program has had.
    fn admit(&self, manifest: &Manifest) -> Result<(), RestoreError> {
        let header = &manifest.header;
        if header.tenant != self.tenant {
            return Err(RestoreError::ForeignTenant { expected: self.tenant, found: header.tenant });
        }
        let known = schema::known();
        let unknown: Vec<String> = header.schema.iter().filter(|name| !known.contains(name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(RestoreError::NewerSchema { program: header.program.clone(), unknown });
        }
        match known.iter().zip(&header.schema).find(|(known, found)| known != found) {
            Some((missing, _)) => Err(RestoreError::OtherSchema { missing: missing.clone() }),
            None => Ok(()),
        }
    }

    async fn ensure_empty(&self, db: &impl ConnectionTrait) -> Result<(), RestoreError> {
        let there = catalogue::tables(db, self.backend).await?;
        let mut full = vec![];
        for (name, _) in tables::TABLES.iter().filter(|(name, _)| there.contains_key(*name)) {
            let any = Query::select().expr(Expr::val(1)).from(Alias::new(*name)).limit(1).take();
            if db.query_one(&any).await?.is_some() {
                full.push((*name).to_owned());
            }
        }
        if full.is_empty() { Ok(()) } else { Err(RestoreError::NotEmpty { tables: full }) }
    }

    /// Brings the empty database to the archive's schema.
    async fn to_schema(&self, tx: &WriteTx, manifest: &Manifest) -> Result<(), RestoreError> {
        let count = |names: usize| u32::try_from(names).unwrap_or(u32::MAX);
        let (has, wants) =
            (count(schema::applied(&**tx, self.backend).await?.len()), count(manifest.header.schema.len()));
        if has > wants {
            Migrator::down(&**tx, Some(has - wants)).await.map_err(schema::failed)?;
        } else if wants > has {
            Migrator::up(&**tx, Some(wants - has)).await.map_err(schema::failed)?;
        }
        Ok(())
    }

    /// How each of the archive's tables is inserted. They must be those of its schema, all of them and no others.
    async fn sheets(&self, tx: &WriteTx, manifest: &Manifest) -> Result<HashMap<String, Sheet>, RestoreError> {
        let there = catalogue::tables(&**tx, self.backend).await?;
        let mut sheets = HashMap::new();
        for entry in &manifest.tables {
            let other = || RestoreError::Table { table: entry.name.clone() };
            let table = there.get(&entry.name).filter(|_| tables::TABLES.iter().any(|(name, _)| *name == entry.name));
            let sheet = Sheet::of(&entry.name, table.ok_or_else(other)?, self.backend).map_err(|_| other())?;
            let same = entry.columns.len() == sheet.columns.len()
                && entry.columns.iter().all(|column| sheet.columns.contains(column));
            if !same {
                return Err(other());
            }
            sheets.insert(entry.name.clone(), sheet);
        }
        match tables::kept().find(|name| there.contains_key(*name) && !sheets.contains_key(*name)) {
            Some(table) => Err(RestoreError::Table { table: table.to_owned() }),
            None => Ok(sheets),
        }
    }

    /// Ends every lease: its holder works on another database. What was being executed is done again, and what was
    /// being published is looked up on the platform, as after any lapse; the new version fences the old holder off.
    async fn end_leases(&self, tx: &WriteTx) -> Result<u64, RestoreError> {
        use tasks::Column as C;
        let held = [TaskState::Executing, TaskState::Publishing].map(TaskState::as_str);
        let ended = tasks::Entity::update_many()
            .col_expr(C::LeaseOwner, Expr::val(None::<String>))
            .col_expr(C::LeaseExpiresMs, Expr::val(0_i64))
            .col_expr(C::StateVersion, Expr::col(C::StateVersion).add(1_i64))
            .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
            .filter(C::State.is_in(held))
            .exec(&**tx)
            .await?;
        Ok(ended.rows_affected)
    }

    /// Pauses every campaign that is ACTIVE, as an operator would; returns them as they are now, by slug.
    async fn pause_all(&self, tx: &WriteTx, now: DateTime<Utc>) -> Result<Vec<campaign_rows::Model>, RestoreError> {
        let active = campaign_rows::Entity::find()
            .filter(batch::of_tenant::<campaign_rows::Entity>(self.tenant))
            .filter(campaign_rows::Column::Status.eq(CampaignStatus::Active.as_str()))
            .all(&**tx)
            .await?;
        let seen: Vec<Seen> = active.iter().map(|row| (row.id, StateVersion::new(row.state_version))).collect();
        let set = campaigns::to_status(CampaignStatus::Paused, now);
        let paused = versioned::update::<campaign_rows::Entity>(&**tx, self.tenant, &seen, |_| set.clone());
        let mut paused = paused.await?;
        paused.sort_by(|a, b| a.slug.cmp(&b.slug));
        Ok(paused)
    }
}

/// Reads the archive once more, checking it again, and brings its rows and blobs where they belong.
async fn fill(
    tx: &WriteTx,
    tenant: TenantId,
    archive: &Archive,
    sheets: HashMap<String, Sheet>,
    blobs: &Blobs,
    progress: Progress<'_>,
) -> Result<(), RestoreError> {
    let (pieces, mut coming) = mpsc::channel(PIECES_WAITING);
    let path = archive.path.clone();
    let reading = super::blocking(move || read(&path, pieces));
    // Ended, it takes no more, so the reader stops.
    let filling = async move {
        let (mut files, mut rows) = (0, 0);
        while let Some(piece) = coming.recv().await {
            match piece {
                Piece::Rows(table, lines) => {
                    let sheet = sheets.get(&table).ok_or_else(|| RestoreError::Table { table: table.clone() })?;
                    rows += lines.len() as u64;
                    insert(tx, tenant, sheet, &lines).await?;
                }
                Piece::TableEnd(name) => progress(Step::Table { name: &name, rows: std::mem::take(&mut rows) }),
                Piece::Blob(file, bytes) => {
                    blobs.put_file(&file, &bytes).await?;
                    files += 1;
                    if files % MEDIA_STEP == 0 {
                        progress(Step::Media { files });
                    }
                }
            }
        }
        progress(Step::Media { files });
        Ok::<_, RestoreError>(())
    };
    let (read, filled) = tokio::join!(reading, filling);
    filled?;
    let path = archive.path.clone();
    match read {
        Ok(manifest) if manifest == archive.manifest => Ok(()),
        Ok(_) => Err(ArchiveError { path, flaw: Flaw::Replaced }.into()),
        Err(Halt::Flaw(flaw)) => Err(ArchiveError { path, flaw }.into()),
        Err(Halt::Stopped) => Err(ArchiveError { path, flaw: Flaw::CutOff }.into()),
    }
}

async fn insert(tx: &WriteTx, tenant: TenantId, sheet: &Sheet, lines: &[Vec<u8>]) -> Result<(), RestoreError> {
    for chunk in lines.chunks(sheet.insert_rows_max()) {
        let mut rows = Vec::with_capacity(chunk.len());
        for line in chunk {
            let row = sheet.parse(line).and_then(|row| sheet.of_tenant(row, tenant));
            rows.push(row.map_err(|source| RestoreError::Row { table: sheet.table.clone(), source })?);
        }
        tx.execute(&sheet.insert(rows)?).await?;
    }
    Ok(())
}

/// A part of an archive on its way into the database.
enum Piece {
    Rows(String, Vec<Vec<u8>>),
    TableEnd(String),
    Blob(String, Vec<u8>),
}

fn read(path: &Path, pieces: mpsc::Sender<Piece>) -> Result<Manifest, Halt> {
    walk(path, &mut Courier { pieces, rows: vec![], bytes: 0 })
}

/// Hands pieces over, and waits while the other side is busy.
struct Courier {
    pieces: mpsc::Sender<Piece>,
    rows: Vec<Vec<u8>>,
    bytes: usize,
}

impl Courier {
    fn send(&self, piece: Piece) -> Result<(), Stopped> {
        self.pieces.blocking_send(piece).map_err(|_| Stopped)
    }

    fn send_rows(&mut self, table: &str) -> Result<(), Stopped> {
        self.bytes = 0;
        match std::mem::take(&mut self.rows) {
            rows if rows.is_empty() => Ok(()),
            rows => self.send(Piece::Rows(table.to_owned(), rows)),
        }
    }
}

impl Sink for Courier {
    fn row(&mut self, table: &str, line: Vec<u8>) -> Result<(), Stopped> {
        self.bytes += line.len();
        self.rows.push(line);
        if self.rows.len() < BATCH_ROWS && self.bytes < BATCH_BYTES { Ok(()) } else { self.send_rows(table) }
    }

    fn table_end(&mut self, table: &str) -> Result<(), Stopped> {
        self.send_rows(table)?;
        self.send(Piece::TableEnd(table.to_owned()))
    }

    fn blob(&mut self, file: &str, bytes: Vec<u8>) -> Result<(), Stopped> {
        self.send(Piece::Blob(file.to_owned(), bytes))
    }

    fn lost(&mut self, _: MediaLine) -> Result<(), Stopped> {
        Ok(())
    }
}
