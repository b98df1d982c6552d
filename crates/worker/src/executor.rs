//! One task becomes one artifact.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{
    AgentTask, Ambient, Artifact, ArtifactId, Costs, Disclosure, MediaRef, Modality, Outdated, Score, StateVersion,
    TaskId, TaskType, TenantId, ToolCall, TraceId, Unmet, Usd, VideoTier, error_chain, is_hashtag, unmet,
};
use chimera_mcp::{CallClass, CallContext, CallError, Host, ToolOutput};
use chimera_media::{Credentials, CredentialsError, Origin};
use chimera_store::{BlobError, Blobs, StoreError, WorkOrder};
use chimera_telemetry::TASK_DURATION;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    AssembleError, Remembrance,
    assemble::{assemble, disclosure, labelled, room_for_words},
    links::add_links,
    order::{common, described, of_picture, of_video, picture_of},
    spans,
};

/// The roles that make words, pictures and videos: from words alone, or from a picture.
const WRITE: &str = "generate_text";
const PICTURE: &str = "generate_image";
const VIDEO: &str = "generate_video";
const ANIMATE: &str = "animate_image";
/// Of a video that needs its post's picture.
const NO_PICTURE: ExecuteError = ExecuteError::Assemble(AssembleError::Missing(Modality::Image));

/// Why a task was not done.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No executor knows this type.
    #[error("no worker here does {0} tasks")]
    UnknownType(TaskType),
    /// What it was planned on has moved. No failure: nobody claims it again.
    #[error("the task is void: {0}")]
    Outdated(Outdated),
    /// The tool call.
    #[error("calling the {role} role")]
    Call {
        /// The role.
        role: &'static str,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The tool answered something else than asked.
    #[error("the {role} role answered without {wanted}")]
    Answer {
        /// The role.
        role: &'static str,
        /// What was missing.
        wanted: &'static str,
    },
    /// What was made is not what its task has to bring.
    #[error("what was made is not accepted: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unaccepted(Vec<Unmet>),
    /// The media folder or bucket.
    #[error("keeping the media")]
    Blob(#[from] BlobError),
    /// The content credentials.
    #[error("signing the media")]
    Credentials(#[from] CredentialsError),
    /// A part is missing.
    #[error("assembling the post")]
    Assemble(#[from] AssembleError),
    /// A reply to nothing.
    #[error("the task does not say which remark it answers")]
    NoRemark,
    /// The process ends before the task did.
    #[error("the worker was ended before the task was done")]
    CutOff,
    /// What the task needs can't be read.
    #[error("reading what the task needs")]
    Order(#[source] StoreError),
}

impl ExecuteError {
    /// A name for what went wrong, of which there are few.
    fn kind(&self) -> &'static str {
        match self {
            Self::UnknownType(_) => "unknown_type",
            Self::Outdated(_) => "outdated",
            Self::Call { source, .. } => source.kind(),
            Self::Answer { .. } => "answer",
            Self::Unaccepted(_) => "unaccepted",
            Self::Blob(_) => "blob",
            Self::Credentials(_) => "credentials",
            Self::Assemble(_) => "assemble",
            Self::NoRemark => "no_remark",
            Self::CutOff => "cut_off",
            Self::Order(_) => "order",
        }
    }

    /// Whether another attempt may go better. A tool that says no, says it again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call { source, .. } => source.class() != CallClass::Refused,
            Self::Blob(_) | Self::CutOff => true,
            Self::Order(source) => source.is_retryable(),
            Self::Credentials(source) => matches!(source, CredentialsError::Thread(_)),
            // Nor does a tool that brings the wrong thing know better the next time.
            Self::UnknownType(_)
            | Self::Outdated(_)
            | Self::Answer { .. }
            | Self::Unaccepted(_)
            | Self::NoRemark
            | Self::Assemble(_) => false,
        }
    }
}

/// How one claimed task ended.
#[derive(Debug)]
pub struct Finished {
    /// The task.
    pub task_id: TaskId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The post's life.
    pub trace_id: TraceId,
    /// What it does.
    pub task_type: TaskType,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// The version it was claimed at.
    pub version: StateVersion,
    /// How often an attempt at it failed before.
    pub failures: u32,
    /// Every tool call made, successful or not.
    pub calls: Vec<ToolCall>,
    /// What came of it.
    pub outcome: Result<Box<Artifact>, ExecuteError>,
}

impl Finished {
    /// The end of this task.
    pub(crate) fn of(task: &AgentTask, outcome: Result<Box<Artifact>, ExecuteError>, calls: Vec<ToolCall>) -> Self {
        Self {
            task_id: task.id,
            tenant_id: task.tenant_id,
            trace_id: task.trace_id,
            task_type: task.task_type,
            planned_at: task.created_at,
            version: task.state_version,
            failures: task.failures,
            calls,
            outcome,
        }
    }
}

/// Executes tasks through tool roles.
#[derive(Debug, Clone)]
pub struct Executor {
    host: Arc<Host>,
    blobs: Blobs,
    credentials: Credentials,
    ambient: Arc<dyn Ambient>,
    remembrance: Option<Remembrance>,
    abandon: CancellationToken,
}

/// What a tool made, before it is wrapped as an artifact.
struct Made {
    content_type: String,
    text: String,
    hashtags: Vec<String>,
    media: Vec<MediaRef>,
    disclosure: Disclosure,
    self_score: Option<Score>,
}

impl Executor {
    /// An executor over its dependencies. What it has made is signed with these credentials.
    #[must_use]
    pub fn new(host: Arc<Host>, blobs: Blobs, credentials: Credentials, ambient: Arc<dyn Ambient>) -> Self {
        Self { host, blobs, credentials, ambient, remembrance: None, abandon: CancellationToken::new() }
    }

    /// The same, whose writers are told what their agents remember.
    #[must_use]
    pub fn remembering(self, remembrance: Option<Remembrance>) -> Self {
        Self { remembrance, ..self }
    }

    /// The same, cutting its work off when this is cancelled.
    #[must_use]
    pub(crate) fn until(&self, abandon: CancellationToken) -> Self {
        Self { abandon, ..self.clone() }
    }

    /// The types of tasks that cost nothing here: no tool is called for them, or one that is free.
    #[must_use]
    pub fn free_types(&self) -> Vec<TaskType> {
        let is_free = |task_type: &TaskType| match task_type {
            TaskType::GenerateText | TaskType::ReplyComment => self.host.is_free(WRITE),
            TaskType::GenerateImage => self.host.is_free(PICTURE),
            TaskType::GenerateVideo => self.has_free_videos(),
            TaskType::AssemblePost => true,
            _ => false,
        };
        TaskType::ALL.iter().copied().filter(is_free).collect()
    }

    /// Whether videos of every tier that can be made are free.
    fn has_free_videos(&self) -> bool {
        let mut roles = [VIDEO, ANIMATE].into_iter().filter(|role| self.host.has_role(role)).peekable();
        roles.peek().is_some() && roles.all(|role| self.host.is_free(role))
    }

    /// Does the task. Every tool call is reported, whatever the outcome.
    pub async fn execute(&self, order: &WorkOrder) -> Finished {
        let (since, mut calls) = (Instant::now(), Vec::new());
        let span = spans::of_task(&order.task);
        let made = span.around(self.make(order, &mut calls)).await;
        TASK_DURATION.observe_for(label(order.task.task_type), since.elapsed());
        let outcome = made.and_then(|made| accepted(order, self.wrap(order, made, &calls)));
        if let Err(error) = &outcome {
            span.fail(error.kind(), error_chain(error));
        }
        // A failure after the cut may be the cut's doing, and is not the task's.
        let outcome =
            outcome.map_err(|e| if self.abandon.is_cancelled() && e.is_transient() { ExecuteError::CutOff } else { e });
        Finished::of(&order.task, outcome, calls)
    }

    async fn make(&self, order: &WorkOrder, calls: &mut Vec<ToolCall>) -> Result<Made, ExecuteError> {
        if let Some(why) = order.task.outdated(&order.campaign, &order.agent) {
            return Err(ExecuteError::Outdated(why));
        }
        match order.task.task_type {
            TaskType::GenerateText => self.write(order, calls).await,
            TaskType::ReplyComment => self.reply(order, calls).await,
            TaskType::GenerateImage => self.picture(order, calls).await,
            TaskType::GenerateVideo => match order.task.video_tier() {
                Some(VideoTier::Daily) => self.animate(order, calls).await,
                Some(VideoTier::Picture) => picture_instead(order),
                Some(VideoTier::Hero) | None => self.video(order, calls).await,
            },
            TaskType::AssemblePost => {
                let post = assemble(&order.task.payload, &order.agent.soul, order.task.channel, &order.inputs)?;
                Ok(Made {
                    content_type: "multipart/mixed".to_owned(),
                    text: post.text,
                    hashtags: post.hashtags,
                    media: post.media,
                    disclosure: post.disclosure,
                    self_score: order.inputs.iter().find_map(|i| i.llm_self_score),
                })
            }
            other => Err(ExecuteError::UnknownType(other)),
        }
    }

    /// An answer to a remark, with its label below it. Whoever asks who speaks is told so by rule; no writer is asked.
    async fn reply(&self, order: &WorkOrder, calls: &mut Vec<ToolCall>) -> Result<Made, ExecuteError> {
        let (task, soul) = (&order.task, &order.agent.soul);
        let to = task.payload.reply.as_ref().ok_or(ExecuteError::NoRemark)?;
        let made = match to.asked_in() {
            Some(tongue) => Made {
                content_type: "text/plain".to_owned(),
                text: tongue.plain_answer().to_owned(),
                hashtags: vec![],
                media: vec![],
                disclosure: disclosure(soul, task.channel, vec![]),
                self_score: None,
            },
            None => self.write(order, calls).await?,
        };
        let text = labelled(&made.text, &made.disclosure);
        Ok(Made { text, hashtags: vec![], ..made })
    }

    async fn write(&self, order: &WorkOrder, calls: &mut Vec<ToolCall>) -> Result<Made, ExecuteError> {
        let (task, soul) = (&order.task, &order.agent.soul);
        let mut variables = common(order);
        variables.insert("persona".into(), json!(soul));
        variables.insert("goal".into(), json!(task.payload.goal));
        variables.insert("summary".into(), json!(task.payload.summary));
        variables.insert("text_chars_max".into(), json!(room_for_words(soul, task.channel)));
        variables.insert("hashtags_max".into(), json!(task.channel.rules().hashtags_max));
        if let Some(to) = &task.payload.reply {
            variables.insert("reply".into(), json!(to));
        }
        if let Some(correction) = &task.payload.correction {
            variables.insert("correction".into(), json!(correction));
        }
        if let Some(remembrance) = &self.remembrance {
            let context = remembrance.recall(order, self.ambient.now()).await;
            if !context.is_empty() {
                variables.insert("context".into(), json!(context));
            }
        }
        let output = self.call(order, WRITE, &variables, calls).await?;
        let text = text_at(&output, "text")
            .filter(|t| !t.trim().is_empty())
            .ok_or(ExecuteError::Answer { role: WRITE, wanted: "a text" })?;
        let hashtags = named(&output, "hashtags").and_then(Value::as_array).into_iter().flatten();
        Ok(Made {
            content_type: "text/plain".to_owned(),
            text: text.to_owned(),
            hashtags: hashtags
                .filter_map(Value::as_str)
                .map(|tag| tag.trim_start_matches('#').to_owned())
                .filter(|tag| is_hashtag(tag))
                .collect(),
            media: vec![],
            disclosure: disclosure(soul, task.channel, models(&output)),
            self_score: named(&output, "self_score").and_then(Value::as_f64).and_then(|s| Score::new(s).ok()),
        })
    }

    async fn picture(&self, order: &WorkOrder, calls: &mut Vec<ToolCall>) -> Result<Made, ExecuteError> {
        self.media(order, PICTURE, Modality::Image, &of_picture(order), calls).await
    }

    async fn video(&self, order: &WorkOrder, calls: &mut Vec<ToolCall>) -> Result<Made, ExecuteError> {
        self.media(order, VIDEO, Modality::Video, &of_video(order), calls).await
    }

    /// A video that begins with the post's picture.
    async fn animate(&self, order: &WorkOrder, calls: &mut Vec<ToolCall>) -> Result<Made, ExecuteError> {
        let (_, picture) = picture_of(order).ok_or(NO_PICTURE)?;
        let MediaRef { sha256, mime, width, height, alt_text, .. } = picture;
        let bytes = self.blobs.get(sha256, mime).await?;
        let uri = self.blobs.uri(sha256, mime)?;
        let mut variables = of_video(order);
        // Tools take a picture as an address or as data; its template says which.
        let image = json!({
            "uri": uri, "base64": BASE64_STANDARD.encode(bytes), "mime": mime, "sha256": sha256, "width": width,
            "height": height, "alt_text": alt_text,
        });
        variables.insert("image".into(), image);
        let picture = std::slice::from_ref(picture);
        add_links(&mut variables, (&self.host, ANIMATE), &self.blobs, picture, self.ambient.now()).await?;
        self.media(order, ANIMATE, Modality::Video, &variables, calls).await
    }

    async fn media(
        &self,
        order: &WorkOrder,
        role: &'static str,
        modality: Modality,
        variables: &Map<String, Value>,
        calls: &mut Vec<ToolCall>,
    ) -> Result<Made, ExecuteError> {
        let output = self.call(order, role, variables, calls).await?;
        let kind = match modality {
            Modality::Image => "image/",
            Modality::Video => "video/",
            Modality::Text => "text/",
        };
        let medium = output
            .media
            .iter()
            .find(|m| m.mime.starts_with(kind))
            .ok_or(ExecuteError::Answer { role, wanted: "media of the right kind" })?;
        let origin = Origin {
            persona: order.agent.persona_slug.clone(),
            trace_id: order.task.trace_id,
            models: models(&output),
        };
        // A second attempt signs anew and gives other bytes; the artifact that is handed in names its own, and the collector
        // takes those that nobody names.
        let signed = self.credentials.sign(medium.bytes.to_vec(), &medium.mime, origin).await?;
        let sha256 = self.blobs.put(&signed, &medium.mime).await?;
        let number = |key: &str| named(&output, key).and_then(Value::as_f64).unwrap_or_default();
        let media = MediaRef {
            sha256,
            modality,
            mime: medium.mime.clone(),
            bytes: signed.len() as u64,
            width: whole(number("width")),
            height: whole(number("height")),
            duration_ms: u64::from(whole(number("duration_seconds") * 1_000.0)),
            alt_text: described(order, text_at(&output, "alt_text")),
            captions_vtt: text_at(&output, "captions_vtt").map(str::to_owned),
        };
        Ok(Made {
            content_type: medium.mime.clone(),
            text: String::new(),
            hashtags: vec![],
            media: vec![media],
            disclosure: disclosure(&order.agent.soul, order.task.channel, models(&output)),
            self_score: None,
        })
    }

    async fn call(
        &self,
        order: &WorkOrder,
        role: &'static str,
        variables: &Map<String, Value>,
        calls: &mut Vec<ToolCall>,
    ) -> Result<ToolOutput, ExecuteError> {
        let context = CallContext::new(order.task.trace_id).for_task(order.task.id).with_cancel(self.abandon.clone());
        let outcome = self.host.call(&context, role, variables).await;
        calls.extend(outcome.calls);
        outcome.result.map_err(|source| {
            let (trace_id, task_id, agent_id) = (order.task.trace_id, order.task.id, order.task.agent_id);
            tracing::warn!(%trace_id, %task_id, %agent_id, role, error = %error_chain(&source), "a tool call failed");
            ExecuteError::Call { role, source }
        })
    }

    fn wrap(&self, order: &WorkOrder, made: Made, calls: &[ToolCall]) -> Artifact {
        let task = &order.task;
        let answered = task.payload.reply.as_ref().map(|to| to.id.as_str());
        let paid: Usd = calls.iter().map(|c| c.cost_usd).sum();
        let costs = match task.task_type {
            TaskType::GenerateImage | TaskType::GenerateVideo => {
                Costs { media_generation_usd: paid, ..Costs::default() }
            }
            _ => Costs { inference_usd: paid, ..Costs::default() },
        };
        let mut artifact = Artifact {
            id: ArtifactId::generate(&*self.ambient),
            tenant_id: task.tenant_id,
            trace_id: task.trace_id,
            task_id: task.id,
            agent_id: task.agent_id,
            campaign_id: task.campaign_id,
            channel: task.channel,
            content_hash: String::new(),
            content_type: made.content_type,
            text: made.text,
            hashtags: made.hashtags,
            media: made.media,
            disclosure: made.disclosure,
            in_reply_to: answered.map(str::to_owned),
            character_reference_id: task.persona_lock.character_reference_id.clone(),
            llm_self_score: made.self_score,
            tool_log: calls.to_vec(),
            costs,
            created_at: self.ambient.now(),
        };
        artifact.content_hash = artifact.named_anew();
        artifact
    }
}

/// A type of task as metrics name it.
const fn label(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::GenerateText
        | TaskType::GenerateImage
        | TaskType::GenerateVideo
        | TaskType::AssemblePost
        | TaskType::ReplyComment => task_type.as_str(),
        _ => "other",
    }
}

/// The artifact, if it is what its task has to bring. Words are the judge's affair: they can be written anew, told why.
fn accepted(order: &WorkOrder, artifact: Artifact) -> Result<Box<Artifact>, ExecuteError> {
    let makes_media = matches!(order.task.task_type, TaskType::GenerateImage | TaskType::GenerateVideo);
    let unmet = if makes_media { unmet(&order.task.payload.acceptance, &artifact) } else { vec![] };
    if unmet.is_empty() { Ok(Box::new(artifact)) } else { Err(ExecuteError::Unaccepted(unmet)) }
}

/// The post's picture in the place of its video, for which there was no money or no tool.
fn picture_instead(order: &WorkOrder) -> Result<Made, ExecuteError> {
    let (made, picture) = picture_of(order).ok_or(NO_PICTURE)?;
    Ok(Made {
        content_type: picture.mime.clone(),
        text: String::new(),
        hashtags: vec![],
        media: vec![picture.clone()],
        disclosure: made.disclosure.clone(),
        self_score: None,
    })
}

/// A part of an answer: what the role's configuration names so, else the tool's own field of that name.
pub(crate) fn named<'a>(output: &'a ToolOutput, key: &str) -> Option<&'a Value> {
    output.result(key).or_else(|| output.structured.get(key))
}

pub(crate) fn text_at<'a>(output: &'a ToolOutput, key: &str) -> Option<&'a str> {
    named(output, key).and_then(Value::as_str)
}

fn models(output: &ToolOutput) -> Vec<String> {
    text_at(output, "model").map(str::to_owned).into_iter().collect()
}

/// A size or length that a tool reported, as a whole number; nonsense becomes 0, which the judge refuses.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn whole(number: f64) -> u32 {
    number.round().clamp(0.0, f64::from(u32::MAX)) as u32
}
