//! What the platform remembers: posts, media, who was spoken to, and how often each tool was called.

use std::path::Path;

use chimera_domain::Channel;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow as _, QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{
    SandboxTool,
    error::{SandboxError, StateError},
    id::RemarkId,
    schema::{self, Pools},
    wire::{Post, PostMedia},
};

/// The platform's memory. Cheap to clone; any number of them, in any number of processes, may share one file.
#[derive(Debug, Clone)]
pub struct SandboxState {
    pools: Pools,
}

/// The same content posted more than once by one account on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Who posted it.
    pub account: String,
    /// Where.
    pub channel: String,
    /// What.
    pub content_hash: String,
    /// The platform's names of the posts, oldest first, deleted ones too.
    pub post_ids: Vec<String>,
}

/// The part of a post that no query looks into.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) text: String,
    pub(super) hashtags: Vec<String>,
    pub(super) media: Vec<PostMedia>,
    pub(super) ai_generated: bool,
    pub(super) ai_label: String,
    pub(super) in_reply_to: Option<String>,
}

/// A post as it lies in the file.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) deleted_at: Option<DateTime<Utc>>,
    pub(super) post: Post,
}

/// Bytes of a picture or video.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) sha256: String,
    pub(super) mime: String,
    pub(super) bytes: Vec<u8>,
}

/// A post about to be written.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) account: &'a str,
    pub(super) channel: Channel,
    pub(super) idempotency_key: &'a str,
    pub(super) content_hash: &'a str,
    pub(super) body: &'a Body,
    pub(super) blobs: &'a [Blob],
    /// Accounts spoken to, with the post of theirs that is answered, if one is.
    pub(super) mentions: &'a [(String, Option<i64>)],
    pub(super) at: DateTime<Utc>,
}

/// What became of a draft.
#[derive(Debug)]
pub(super) enum Written {
    /// A new post.
    New(i64),
    /// The key was known: this is the post that has it.
    Known(Box<Row>),
}

type Columns = (i64, String, String, String, String, String, i64, Option<i64>);

/// A query for posts, with what follows `FROM post p` and, if wanted, one more column.
macro_rules! select_post {
    ($rest:literal) => {
        select_post!($rest, "")
    };
    ($rest:literal, $column:literal) => {
        concat!(
            "SELECT p.seq, p.account, p.channel, p.idempotency_key, p.content_hash, p.body, p.created_at_ms, ",
            "p.deleted_at_ms",
            $column,
            " FROM post p ",
            $rest
        )
    };
}

impl SandboxState {
    /// Opens the file; creates it when missing, brings its schema up to date when old.
    ///
    /// # Errors
    /// The folder or file can't be written, or the file is not the sandbox's or of a newer build.
    pub async fn open(path: &Path) -> Result<Self, SandboxError> {
        Ok(Self { pools: schema::open(path).await? })
    }

    /// Content that one account posted more than once on one channel, deleted posts included: what a careless retry
    /// leaves behind. Empty is good.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn duplicates(&self) -> Result<Vec<Duplicate>, StateError> {
        let rows = sqlx::query_as::<_, (String, String, String, String)>(
            "SELECT account, channel, content_hash, group_concat(seq ORDER BY seq) FROM post
             GROUP BY account, channel, content_hash HAVING count(*) > 1 ORDER BY min(seq)",
        )
        .fetch_all(&self.pools.reader)
        .await
        .map_err(StateError::when("counting doubled posts"))?;
        let named = |seqs: &str| seqs.split(',').map(|seq| format!("sbx-{seq}")).collect();
        Ok(rows
            .into_iter()
            .map(|(account, channel, content_hash, seqs)| Duplicate {
                account,
                channel,
                content_hash,
                post_ids: named(&seqs),
            })
            .collect())
    }

    /// How many posts were ever made, deleted ones included.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn post_count(&self) -> Result<u64, StateError> {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM post").fetch_one(&self.pools.reader).await;
        Ok(count.map_err(StateError::when("counting posts"))?.unsigned_abs())
    }

    /// How often a tool was called that has faults planned, over the life of the file; 0 without a plan.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn call_count(&self, tool: SandboxTool) -> Result<u64, StateError> {
        let calls = sqlx::query_scalar::<_, i64>("SELECT calls FROM call WHERE tool = ?1")
            .bind(tool.as_str())
            .fetch_optional(&self.pools.reader)
            .await
            .map_err(StateError::when("reading a call count"))?;
        Ok(calls.unwrap_or(0).unsigned_abs())
    }

    /// Closes all connections of this state and its clones; a file that nobody has open any more has no side files.
    pub async fn close(&self) {
        self.pools.reader.close().await;
        self.pools.writer.close().await;
    }

    /// Counts a call and says which one it is, from 1.
    pub(super) async fn call_next(&self, tool: SandboxTool) -> Result<u64, StateError> {
        let calls = sqlx::query_scalar::<_, i64>(
            "INSERT INTO call (tool, calls) VALUES (?1, 1) ON CONFLICT (tool) DO UPDATE SET calls = calls + 1
             RETURNING calls",
        )
        .bind(tool.as_str())
        .fetch_one(&self.pools.writer)
        .await
        .map_err(StateError::when("counting a call"))?;
        Ok(calls.unsigned_abs())
    }

    /// Writes the post with all that belongs to it, or finds the one that has the key: one transaction.
    pub(super) async fn post_write(&self, draft: &Draft<'_>, honours_key: bool) -> Result<Written, StateError> {
        self.write(draft, honours_key).await.map_err(StateError::when("writing a post"))
    }

    async fn write(&self, draft: &Draft<'_>, honours_key: bool) -> Result<Written, sqlx::Error> {
        let body = serde_json::to_string(draft.body).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut tx = self.pools.writer.begin_with("BEGIN IMMEDIATE").await?;
        let seq = sqlx::query_scalar::<_, i64>(
            "INSERT INTO post (account, channel, idempotency_key, honoured_key, content_hash, body, created_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (account, honoured_key) DO NOTHING RETURNING seq",
        )
        .bind(draft.account)
        .bind(draft.channel.as_str())
        .bind(draft.idempotency_key)
        .bind(honours_key.then_some(draft.idempotency_key))
        .bind(draft.content_hash)
        .bind(body)
        .bind(draft.at.timestamp_millis())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(seq) = seq else {
            let columns = sqlx::query_as::<_, Columns>(select_post!("WHERE p.account = ?1 AND p.honoured_key = ?2"))
                .bind(draft.account)
                .bind(draft.idempotency_key)
                .fetch_one(&mut *tx)
                .await?;
            return Ok(Written::Known(Box::new(row(columns)?)));
        };
        write_blobs(&mut tx, draft.blobs).await?;
        write_mentions(&mut tx, seq, draft.mentions).await?;
        tx.commit().await?;
        Ok(Written::New(seq))
    }

    /// The posts with these numbers, deleted ones too, in no order.
    pub(super) async fn posts_by_seq(&self, seqs: &[i64]) -> Result<Vec<Row>, StateError> {
        let list = serde_json::json!(seqs).to_string();
        let query = sqlx::query_as(select_post!("WHERE p.seq IN (SELECT value FROM json_each(?1))")).bind(list);
        rows(query.fetch_all(&self.pools.reader).await, "finding posts")
    }

    /// The posts made with this key, oldest first, deleted ones too.
    pub(super) async fn posts_by_key(&self, key: &str, account: Option<&str>) -> Result<Vec<Row>, StateError> {
        let query = sqlx::query_as(select_post!(
            "WHERE p.idempotency_key = ?1 AND (?2 IS NULL OR p.account = ?2) ORDER BY p.seq LIMIT 1000"
        ));
        rows(query.bind(key).bind(account).fetch_all(&self.pools.reader).await, "finding a post by its key")
    }

    /// The newest posts that are shown, below a number.
    pub(super) async fn posts_newest(
        &self,
        account: Option<&str>,
        below: i64,
        limit: u32,
    ) -> Result<Vec<Row>, StateError> {
        let found = match account {
            Some(account) => {
                let query = sqlx::query_as(select_post!(
                    "WHERE p.account = ?1 AND p.seq < ?2 AND p.deleted_at_ms IS NULL ORDER BY p.seq DESC LIMIT ?3"
                ));
                query.bind(account).bind(below).bind(limit).fetch_all(&self.pools.reader).await
            }
            None => {
                let query = sqlx::query_as(select_post!(
                    "WHERE p.seq < ?1 AND p.deleted_at_ms IS NULL ORDER BY p.seq DESC LIMIT ?2"
                ));
                query.bind(below).bind(limit).fetch_all(&self.pools.reader).await
            }
        };
        rows(found, "listing posts")
    }

    /// The newest posts that speak to an account, each with the account's post that it answers, if it answers one.
    pub(super) async fn posts_mentioning(
        &self,
        account: &str,
        limit: u32,
    ) -> Result<Vec<(Row, Option<i64>)>, StateError> {
        let found = sqlx::query(select_post!(
            "JOIN mention m ON m.seq = p.seq
             WHERE m.account = ?1 AND p.deleted_at_ms IS NULL ORDER BY m.seq DESC LIMIT ?2",
            ", m.about_seq"
        ))
        .bind(account)
        .bind(limit)
        .fetch_all(&self.pools.reader)
        .await;
        let read = |found: &SqliteRow| Ok((row(Columns::from_row(found)?)?, found.try_get("about_seq")?));
        found
            .and_then(|found| found.iter().map(read).collect::<Result<Vec<_>, sqlx::Error>>())
            .map_err(StateError::when("listing mentions"))
    }

    /// Marks a post as deleted and says when that was; nothing if there is no such post.
    pub(super) async fn post_delete(&self, seq: i64, at: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StateError> {
        let deleted = sqlx::query_scalar::<_, i64>(
            "UPDATE post SET deleted_at_ms = coalesce(deleted_at_ms, ?2) WHERE seq = ?1 RETURNING deleted_at_ms",
        )
        .bind(seq)
        .bind(at.timestamp_millis())
        .fetch_optional(&self.pools.writer)
        .await
        .map_err(StateError::when("deleting a post"))?;
        Ok(deleted.map(time))
    }

    /// Everybody who ever posted, at most `limit`.
    pub(super) async fn accounts(&self, limit: u32) -> Result<Vec<String>, StateError> {
        sqlx::query_scalar("SELECT DISTINCT account FROM post ORDER BY account LIMIT ?1")
            .bind(limit)
            .fetch_all(&self.pools.reader)
            .await
            .map_err(StateError::when("listing accounts"))
    }

    /// The bytes with this hash.
    pub(super) async fn blob(&self, sha256: &str) -> Result<Option<Blob>, StateError> {
        let found =
            sqlx::query_as::<_, (String, String, Vec<u8>)>("SELECT sha256, mime, bytes FROM media WHERE sha256 = ?1")
                .bind(sha256)
                .fetch_optional(&self.pools.reader)
                .await
                .map_err(StateError::when("reading media"))?;
        Ok(found.map(|(sha256, mime, bytes)| Blob { sha256, mime, bytes }))
    }
}

async fn write_blobs(tx: &mut SqliteConnection, blobs: &[Blob]) -> Result<(), sqlx::Error> {
    if blobs.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO media (sha256, mime, bytes) ");
    query.push_values(blobs, |mut values, blob| {
        values.push_bind(&blob.sha256).push_bind(&blob.mime).push_bind(blob.bytes.as_slice());
    });
    query.push(" ON CONFLICT DO NOTHING").build().execute(tx).await.map(drop)
}

async fn write_mentions(
    tx: &mut SqliteConnection,
    seq: i64,
    mentions: &[(String, Option<i64>)],
) -> Result<(), sqlx::Error> {
    if mentions.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO mention (account, seq, about_seq) ");
    query.push_values(mentions, |mut values, (account, about)| {
        values.push_bind(account).push_bind(seq).push_bind(about);
    });
    query.push(" ON CONFLICT DO NOTHING").build().execute(tx).await.map(drop)
}

fn rows(found: Result<Vec<Columns>, sqlx::Error>, doing: &'static str) -> Result<Vec<Row>, StateError> {
    found.and_then(|found| found.into_iter().map(row).collect()).map_err(StateError::when(doing))
}

fn row(columns: Columns) -> Result<Row, sqlx::Error> {
    let (seq, account, channel, idempotency_key, content_hash, body, created_at_ms, deleted_at_ms) = columns;
    let channel = channel.parse::<Channel>().map_err(|error| sqlx::Error::Decode(error.into()))?;
    let body = serde_json::from_str::<Body>(&body).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let post_id = RemarkId::Post(seq).to_string();
    let post = Post {
        url: url(&post_id),
        post_id,
        account,
        channel,
        text: body.text,
        hashtags: body.hashtags,
        media: body.media,
        ai_generated: body.ai_generated,
        ai_label: body.ai_label,
        idempotency_key,
        in_reply_to: body.in_reply_to,
        content_hash,
        created_at: time(created_at_ms),
    };
    Ok(Row { seq, deleted_at: deleted_at_ms.map(time), post })
}

/// Where a post can be read: a resource of this server.
pub(super) fn url(post_id: &str) -> String {
    format!("sandbox://posts/{post_id}")
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
