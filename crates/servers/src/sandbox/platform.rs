//! The deeds of the platform, one method per tool.

use std::sync::Arc;

use chimera_domain::{Ambient, Remark, sha256_parts};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    audience::Audience,
    chatter::Comment,
    config::SandboxConfig,
    error::{Refusal, StateError},
    id::{RemarkId, post_seq},
    rules,
    state::{Body, Draft, Row, SandboxState, Written, url},
    wire::{
        DeletePostInput, DeletePostOutput, EngagementInput, EngagementOutput, FindPostInput, FindPostOutput,
        ListPostsInput, ListPostsOutput, Mention, MentionKind, Mentions, Post, PostEngagement, PostMedia,
        PublishPostInput, PublishPostOutput, ReplyInput,
    },
};

/// The most posts whose numbers are read at once.
const ENGAGEMENT_MAX: usize = 100;
/// The most posts of one page.
pub(super) const PAGE_MAX: u32 = 100;
const PAGE_DEFAULT: u32 = 20;
/// The most mentions that are shown, and the most comments per post among them.
const MENTIONS_MAX: u32 = 100;
/// Comments are only looked for below so many of an account's newest posts.
const COMMENTED_POSTS_MAX: u32 = 200;
/// The most of a thread that is shown above a mention.
const THREAD_MAX: usize = 20;

#[derive(Debug)]
pub(super) struct Platform {
    pub(super) state: SandboxState,
    pub(super) config: SandboxConfig,
    pub(super) ambient: Arc<dyn Ambient>,
}

impl Platform {
    pub(super) async fn publish_post(&self, input: PublishPostInput) -> Result<PublishPostOutput, Refusal> {
        let blobs = rules::check(&input, self.config.require_ai_label)?;
        let parent = match &input.in_reply_to {
            Some(id) => Some(self.remark(id).await?),
            None => None,
        };
        self.write(input, parent.as_ref(), &blobs).await
    }

    pub(super) async fn reply(&self, input: ReplyInput) -> Result<PublishPostOutput, Refusal> {
        let parent = self.remark(&input.post_id).await?;
        let post = PublishPostInput {
            account: input.account,
            channel: parent.post.channel,
            text: input.text,
            hashtags: Vec::new(),
            media: Vec::new(),
            ai_generated: input.ai_generated,
            ai_label: input.ai_label,
            ai_fields: None,
            idempotency_key: input.idempotency_key,
            in_reply_to: Some(input.post_id),
        };
        rules::check(&post, self.config.require_ai_label)?;
        self.write(post, Some(&parent), &[]).await
    }

    async fn write(
        &self,
        input: PublishPostInput,
        parent: Option<&Row>,
        blobs: &[super::state::Blob],
    ) -> Result<PublishPostOutput, Refusal> {
        let mentions = mentioned(&input, parent);
        let content_hash = content_hash(&input);
        let media = input.media.into_iter().map(|media| {
            let kept = media.bytes_base64.map(|_| format!("sandbox://media/{}", media.sha256));
            PostMedia {
                uri: kept.or(media.uri),
                sha256: media.sha256,
                mime: media.mime,
                alt_text: media.alt_text,
                width: media.width,
                height: media.height,
                duration_ms: media.duration_ms,
            }
        });
        let body = Body {
            text: input.text,
            hashtags: input.hashtags,
            media: media.collect(),
            ai_generated: input.ai_generated,
            ai_label: input.ai_label,
            in_reply_to: input.in_reply_to,
        };
        let draft = Draft {
            account: &input.account,
            channel: input.channel,
            idempotency_key: &input.idempotency_key,
            content_hash: &content_hash,
            body: &body,
            blobs,
            mentions: &mentions,
            at: self.now(),
        };
        match self.state.post_write(&draft, self.config.keeps_posts_single()).await? {
            Written::New(seq) => {
                let post_id = RemarkId::Post(seq).to_string();
                let url = url(&post_id);
                Ok(PublishPostOutput { post_id, url, created_at: draft.at, duplicate_of_key: false })
            }
            Written::Known(row) if self.config.client_chosen_ids => Err(Refusal::IdTaken { post_id: row.post.post_id }),
            Written::Known(row) => known(*row, &content_hash),
        }
    }

    pub(super) async fn find_post(&self, input: FindPostInput) -> Result<FindPostOutput, Refusal> {
        let rows = match (&input.idempotency_key, &input.post_id) {
            (Some(key), None) => self.state.posts_by_key(key, input.account.as_deref()).await?,
            (None, Some(id)) => {
                let mut rows = self.state.posts_by_seq(&[post_seq(id)?]).await?;
                rows.retain(|row| input.account.as_ref().is_none_or(|account| *account == row.post.account));
                rows
            }
            _ => return Err(Refusal::OneOf),
        };
        let deleted_at = rows.iter().find_map(|row| row.deleted_at);
        let mut shown = rows.into_iter().filter(|row| row.deleted_at.is_none()).map(|row| row.post);
        let post = shown.next();
        let matches = shown.count() as u64 + u64::from(post.is_some());
        Ok(FindPostOutput { found: post.is_some(), matches, post, deleted_at })
    }

    pub(super) async fn delete_post(&self, input: DeletePostInput) -> Result<DeletePostOutput, Refusal> {
        let deleted = self.state.post_delete(post_seq(&input.post_id)?, self.now()).await?;
        let deleted_at = deleted.ok_or_else(|| Refusal::NotFound { id: input.post_id.clone() })?;
        Ok(DeletePostOutput { post_id: input.post_id, deleted_at })
    }

    pub(super) async fn get_engagement(&self, input: EngagementInput) -> Result<EngagementOutput, Refusal> {
        let value = input.post_ids.len();
        if !(1..=ENGAGEMENT_MAX).contains(&value) {
            return Err(Refusal::OutOfBounds { what: "the number of post_ids", value, max: ENGAGEMENT_MAX });
        }
        let seqs = input.post_ids.iter().map(|id| post_seq(id)).collect::<Result<Vec<_>, _>>()?;
        let rows = self.state.posts_by_seq(&seqs).await?;
        let at = self.now();
        let mut output = EngagementOutput { engagement: Vec::new(), missing: Vec::new() };
        for (seq, post_id) in seqs.into_iter().zip(input.post_ids) {
            match rows.iter().find(|row| row.seq == seq && row.deleted_at.is_none()) {
                Some(row) => {
                    let engagement = self.audience().engagement(&row.post.content_hash, self.age_ms(&row.post, at));
                    output.engagement.push(PostEngagement { post_id, engagement, at });
                }
                None => output.missing.push(post_id),
            }
        }
        Ok(output)
    }

    pub(super) async fn list_posts(&self, input: ListPostsInput) -> Result<ListPostsOutput, Refusal> {
        let limit = input.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let value = usize::try_from(limit).unwrap_or(usize::MAX);
            return Err(Refusal::OutOfBounds { what: "limit", value, max: PAGE_MAX as usize });
        }
        let below = match input.cursor {
            Some(cursor) => cursor.parse::<i64>().map_err(|_| Refusal::Cursor { cursor })?,
            None => i64::MAX,
        };
        // One more than asked for tells whether there is a next page.
        let mut rows = self.state.posts_newest(input.account.as_deref(), below, limit + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.seq.to_string());
        Ok(ListPostsOutput { posts: rows.into_iter().map(|row| row.post).collect(), next_cursor })
    }

    /// Who speaks to an account: the simulated audience below its posts, and other accounts of the platform.
    pub(super) async fn mentions(&self, account: &str) -> Result<Mentions, Refusal> {
        rules::check_account(account)?;
        let now = self.now();
        let own = self.state.posts_newest(Some(account), i64::MAX, COMMENTED_POSTS_MAX).await?;
        let mut comments = own
            .iter()
            .flat_map(|row| {
                let age_ms = self.age_ms(&row.post, now);
                let newest = self.audience().newest_comments(&row.post.content_hash, age_ms, u64::from(MENTIONS_MAX));
                newest.into_iter().map(move |(index, age_ms)| (self.moment(&row.post, age_ms), row, index))
            })
            .collect::<Vec<_>>();
        // Only the newest are put into words; the rest never gets that far.
        comments.sort_by_key(|(at, row, index)| std::cmp::Reverse((*at, row.seq, *index)));
        comments.truncate(MENTIONS_MAX as usize);
        let mut mentions =
            comments.into_iter().map(|(at, row, index)| self.comment(at, row, index)).collect::<Vec<_>>();
        for (row, about) in self.state.posts_mentioning(handle(account), MENTIONS_MAX).await? {
            let thread = self.thread(row.post.in_reply_to.clone()).await?;
            mentions.push(spoken(row.post, about, thread));
        }
        mentions.sort_by_key(|mention| std::cmp::Reverse(mention.at));
        mentions.truncate(MENTIONS_MAX as usize);
        Ok(Mentions { account: account.to_owned(), as_of: now, mentions })
    }

    /// What was said from here upwards, oldest first; what was deleted ends it.
    async fn thread(&self, mut above: Option<String>) -> Result<Vec<Remark>, Refusal> {
        let mut thread = Vec::new();
        while let Some(id) = above.take().filter(|_| thread.len() < THREAD_MAX) {
            let remark = RemarkId::parse(&id)?;
            let rows = self.state.posts_by_seq(&[remark.post()]).await?;
            let Some(row) = rows.into_iter().find(|row| row.deleted_at.is_none()) else { break };
            if let RemarkId::Comment(_, index) = remark {
                let said = Comment::of(self.config.seed, &row.post.content_hash, index, &row.post.hashtags);
                thread.push(Remark { author: said.author, text: said.text, at: row.post.created_at });
            }
            above = row.post.in_reply_to.clone();
            thread.push(said_in(&row.post));
        }
        thread.reverse();
        Ok(thread)
    }

    /// One post that is shown.
    pub(super) async fn post(&self, id: &str) -> Result<Post, Refusal> {
        let rows = self.state.posts_by_seq(&[post_seq(id)?]).await?;
        let shown = rows.into_iter().find(|row| row.deleted_at.is_none());
        shown.map(|row| row.post).ok_or_else(|| Refusal::NotFound { id: id.to_owned() })
    }

    /// The present, to the millisecond, as the file keeps it.
    pub(super) fn now(&self) -> DateTime<Utc> {
        let now = self.ambient.now();
        DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
    }

    fn audience(&self) -> Audience {
        Audience::new(self.config.seed)
    }

    /// The post that is, or carries, the remark; the remark must exist and be shown.
    async fn remark(&self, id: &str) -> Result<Row, Refusal> {
        let remark = RemarkId::parse(id)?;
        let missing = || Refusal::NotFound { id: id.to_owned() };
        let rows = self.state.posts_by_seq(&[remark.post()]).await?;
        let row = rows.into_iter().find(|row| row.deleted_at.is_none()).ok_or_else(missing)?;
        if let RemarkId::Comment(_, index) = remark {
            let age_ms = self.age_ms(&row.post, self.now());
            let count = self.audience().engagement(&row.post.content_hash, age_ms).comments;
            if index >= count {
                return Err(missing());
            }
        }
        Ok(row)
    }

    /// Simulated age; a clock that ran backwards makes a post new, never younger than that.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-integer cast saturates")]
    fn age_ms(&self, post: &Post, now: DateTime<Utc>) -> u64 {
        let real = (now - post.created_at).num_milliseconds().max(0);
        (real as f64 * self.config.time_scale) as u64
    }

    /// The real moment at which a post reaches a simulated age, rounded up, so that it is never in the future of the
    /// moment at which the age was seen to be reached.
    #[expect(clippy::cast_possible_truncation, reason = "a float-to-integer cast saturates")]
    fn moment(&self, post: &Post, age_ms: u64) -> DateTime<Utc> {
        let real = (age_ms as f64 / self.config.time_scale).ceil() as i64;
        let delta = TimeDelta::try_milliseconds(real).unwrap_or_default();
        post.created_at.checked_add_signed(delta).unwrap_or(post.created_at)
    }

    fn comment(&self, at: DateTime<Utc>, row: &Row, index: u64) -> Mention {
        let said = Comment::of(self.config.seed, &row.post.content_hash, index, &row.post.hashtags);
        Mention {
            id: RemarkId::Comment(row.seq, index).to_string(),
            kind: MentionKind::Comment,
            channel: row.post.channel,
            post_id: Some(row.post.post_id.clone()),
            author: said.author,
            text: said.text,
            at,
            thread: vec![said_in(&row.post)],
        }
    }
}

fn known(row: Row, content_hash: &str) -> Result<PublishPostOutput, Refusal> {
    let Post { post_id, url, created_at, content_hash: theirs, .. } = row.post;
    if theirs != content_hash {
        return Err(Refusal::KeyConflict { post_id });
    }
    if row.deleted_at.is_some() {
        return Err(Refusal::KeySpent { post_id });
    }
    Ok(PublishPostOutput { post_id, url, created_at, duplicate_of_key: true })
}

fn said_in(post: &Post) -> Remark {
    Remark { author: post.account.clone(), text: post.text.clone(), at: post.created_at }
}

fn spoken(post: Post, about: Option<i64>, thread: Vec<Remark>) -> Mention {
    Mention {
        id: post.post_id,
        kind: if about.is_some() { MentionKind::Reply } else { MentionKind::Mention },
        channel: post.channel,
        post_id: about.map(|seq| RemarkId::Post(seq).to_string()),
        author: post.account,
        text: post.text,
        at: post.created_at,
        thread,
    }
}

/// Names everything that a reader sees of a post, and what it answers: one answer below two posts is two answers.
fn content_hash(input: &PublishPostInput) -> String {
    let label = if input.ai_generated { input.ai_label.as_str() } else { "" };
    let mut parts = vec![input.channel.as_str(), &input.text, label, input.in_reply_to.as_deref().unwrap_or(""), "#"];
    parts.extend(input.hashtags.iter().map(String::as_str));
    parts.push("media");
    parts.extend(input.media.iter().flat_map(|media| [media.sha256.as_str(), media.alt_text.as_str()]));
    sha256_parts(&parts.into_iter().map(str::as_bytes).collect::<Vec<_>>())
}

/// Accounts are addressed without the sign, whether or not their names begin with it.
fn handle(account: &str) -> &str {
    account.trim_start_matches('@')
}

/// Whom a post speaks to: the author of what it answers, and every `@name` in the text; never its own author.
fn mentioned(input: &PublishPostInput, parent: Option<&Row>) -> Vec<(String, Option<i64>)> {
    let author = handle(&input.account);
    let answered = parent.map(|row| (handle(&row.post.account).to_owned(), Some(row.seq)));
    let named = input.text.split('@').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._:-".contains(c)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().trim_end_matches(['.', ':', '-']);
        (name.to_owned(), None)
    });
    let mut mentions = Vec::<(String, Option<i64>)>::new();
    for (name, about) in answered.into_iter().chain(named) {
        if !name.is_empty() && name != author && mentions.iter().all(|(known, _)| *known != name) {
            mentions.push((name, about));
        }
    }
    mentions
}

impl Platform {
    /// Counts a call and draws its fate, where faults are planned for the tool.
    pub(super) async fn fate(&self, tool: super::SandboxTool) -> Result<super::faults::Fate, StateError> {
        if !self.config.faults.concerns(tool) {
            return Ok(super::faults::Fate::default());
        }
        Ok(self.config.faults.fate(tool, self.state.call_next(tool).await?))
    }
}
