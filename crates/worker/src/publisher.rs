//! The publish ledger at work: intent, attempt, and a certain outcome or a person's word.

use std::{sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Alert, AlertId, AlertKind, Ambient, HitlTicket, PublicationId, Question, Score, Severity, StateVersion, TaskId,
    TicketId, ToolCall, error_chain,
};
use chimera_mcp::{CallClass, CallContext, Host};
use chimera_store::{Blobs, PublishCase, PublishOutcome, Settlement, Store, StoreError};
use futures::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::PublisherConfig;

const IDLE_WAIT: Duration = Duration::from_secs(1);
const TROUBLE_REST: Duration = Duration::from_millis(500);
const STALE_BATCH: u64 = 64;

/// Publishes approved posts, each at most once.
#[derive(Debug, Clone)]
pub struct Publisher {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    host: Arc<Host>,
    blobs: Blobs,
    ambient: Arc<dyn Ambient>,
    config: PublisherConfig,
}

impl Publisher {
    /// A publisher; `name` says in the database who holds a task.
    #[must_use]
    pub fn new(
        name: String,
        store: Store,
        bus: Arc<dyn Bus>,
        host: Arc<Host>,
        blobs: Blobs,
        ambient: Arc<dyn Ambient>,
        config: PublisherConfig,
    ) -> Self {
        Self { name, store, bus, host, blobs, ambient, config }
    }

    /// Publishes until cancelled; a call under way is finished first.
    pub async fn serve(self, cancel: CancellationToken) {
        loop {
            let batch = tokio::select! {
                () = cancel.cancelled() => return,
                batch = self.bus.take(Queue::Publish, self.config.concurrency.max(1), IDLE_WAIT) => batch,
            };
            let done = match batch {
                Ok(batch) => {
                    let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
                    let done = self.round(&ids).await.map_err(|e| error_chain(&e));
                    if let Err(error) = self.bus.acknowledge(Queue::Publish, &receipts).await {
                        tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused");
                    }
                    done
                }
                Err(error) => Err(error_chain(&error)),
            };
            if let Err(error) = done {
                tracing::warn!(error, "publishing stopped; trying again");
                tokio::time::sleep(TROUBLE_REST).await;
            }
        }
    }

    /// Publishes these posts, and looks up those that a dead publisher left behind.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached; the ledger then tells the next publisher where to go on.
    pub async fn round(&self, ids: &[TaskId]) -> Result<(), StoreError> {
        let lease = Duration::from_millis(self.config.lease_ms);
        let left_behind = self.store.publish_stale(&self.name, lease, STALE_BATCH).await?;
        let mut cases: Vec<(PublishCase, bool)> = left_behind.into_iter().map(|case| (case, true)).collect();
        if !ids.is_empty() {
            let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&*self.ambient)).collect();
            let begun = self.store.publish_begin(ids, &self.name, lease, self.ambient.now(), &new_ids).await?;
            cases.extend(begun.into_iter().map(|case| {
                let look_first = case.previously_attempted;
                (case, look_first)
            }));
        }
        if cases.is_empty() {
            return Ok(());
        }
        let settlements: Vec<Settlement> = stream::iter(cases)
            .map(|(case, look_first)| async move { self.settle(case, look_first).await })
            .buffer_unordered(self.config.concurrency.max(1))
            .collect()
            .await;
        let settled = self.store.publish_settle(settlements, self.ambient.now()).await?;
        // A post that is certainly absent is tried again by way of the sweeper, which gives the platform a rest.
        tracing::debug!(published = settled.published.len(), again = settled.approved_again.len(), "settled");
        Ok(())
    }

    /// Brings one publication to an outcome.
    async fn settle(&self, case: PublishCase, look_first: bool) -> Settlement {
        let mut calls = Vec::new();
        let outcome = if look_first { self.look_up(&case, &mut calls).await } else { None };
        let outcome = match outcome {
            Some(known) => known,
            None => self.attempt(&case, &mut calls).await,
        };
        self.settlement(&case, outcome, calls)
    }

    /// Calls the platform once; an unclear answer is looked up.
    async fn attempt(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> PublishOutcome {
        let context = self.context(case);
        let made = self.host.call(&context, "publish_post", &self.variables(case)).await;
        calls.extend(made.calls);
        let error = match made.result {
            Ok(output) => {
                if let Some(found) = post_in(&output.structured) {
                    return found;
                }
                return self.unclear(case, "the platform answered without a post id".to_owned(), calls).await;
            }
            Err(error) => error,
        };
        let message = error_chain(&error);
        match error.class() {
            CallClass::Refused => PublishOutcome::Refused { error: message },
            CallClass::Failed if case.publication.attempts >= self.config.attempts_max => PublishOutcome::Refused {
                error: format!("given up after {} attempts: {message}", case.publication.attempts),
            },
            CallClass::Failed => PublishOutcome::Absent { error: message },
            CallClass::Unknown => self.unclear(case, message, calls).await,
        }
    }

    /// What to do when nobody can tell whether the post is out: look, and trust "not there" only where a repeat is harmless.
    async fn unclear(&self, case: &PublishCase, message: String, calls: &mut Vec<ToolCall>) -> PublishOutcome {
        match self.look_up(case, calls).await {
            Some(found) => found,
            None if !self.config.platform.look_up || !self.config.platform.idempotency_key => {
                PublishOutcome::Unknown { error: message }
            }
            None if case.publication.attempts >= self.config.attempts_max => PublishOutcome::Refused {
                error: format!("given up after {} attempts: {message}", case.publication.attempts),
            },
            None => PublishOutcome::Absent { error: message },
        }
    }

    /// Asks the platform for the post. `None` means that it is not there, or, on a platform that can't be asked, nothing.
    async fn look_up(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> Option<PublishOutcome> {
        if !self.config.platform.look_up {
            return case.previously_attempted.then(|| PublishOutcome::Unknown {
                error: "an earlier call was cut off, and this platform can't be asked".to_owned(),
            });
        }
        let context = self.context(case);
        let mut variables = Map::new();
        variables.insert("idempotency_key".into(), json!(case.publication.idempotency_key));
        variables.insert("account".into(), json!(case.agent.persona_slug));
        let asked = self.host.call(&context, "find_post", &variables).await;
        calls.extend(asked.calls);
        match asked.result {
            Ok(output) => output.structured.get("post").and_then(post_in),
            Err(error) => Some(PublishOutcome::Unknown {
                error: format!("the platform can't be asked whether the post is out: {}", error_chain(&error)),
            }),
        }
    }

    fn context(&self, case: &PublishCase) -> CallContext {
        CallContext::new(case.task.trace_id)
            .for_task(case.task.id)
            .with_idempotency_key(case.publication.idempotency_key.clone())
    }

    fn variables(&self, case: &PublishCase) -> Map<String, Value> {
        let artifact = &case.artifact;
        let media: Vec<Value> = artifact
            .media
            .iter()
            .map(|m| {
                let uri = self.blobs.path(&m.sha256, &m.mime).map(|p| format!("file://{}", p.display()));
                json!({
                    "sha256": m.sha256, "mime": m.mime, "alt_text": m.alt_text, "width": m.width, "height": m.height,
                    "duration_ms": m.duration_ms, "uri": uri.unwrap_or_default(),
                })
            })
            .collect();
        let mut variables = Map::new();
        variables.insert("account".into(), json!(case.agent.persona_slug));
        variables.insert("channel".into(), json!(artifact.channel));
        variables.insert("text".into(), json!(artifact.text));
        variables.insert("hashtags".into(), json!(artifact.hashtags));
        variables.insert("media".into(), json!(media));
        variables.insert("ai_generated".into(), json!(artifact.disclosure.ai_generated));
        variables.insert("ai_label".into(), json!(artifact.disclosure.label));
        variables.insert("idempotency_key".into(), json!(case.publication.idempotency_key));
        variables
    }

    fn settlement(&self, case: &PublishCase, outcome: PublishOutcome, tool_calls: Vec<ToolCall>) -> Settlement {
        let (ticket, alert) = match &outcome {
            PublishOutcome::Unknown { error } => (
                Some(self.ticket(case, error)),
                Some(self.alert(case, AlertKind::PublishUnknown, "outcome_unknown", error)),
            ),
            PublishOutcome::Refused { error } => {
                (None, Some(self.alert(case, AlertKind::DeadLetter, "publish_refused", error)))
            }
            PublishOutcome::Confirmed { .. } | PublishOutcome::Absent { .. } => (None, None),
        };
        Settlement {
            task_id: case.task.id,
            task_version: case.task.state_version,
            publication_id: case.publication.id,
            publication_version: case.publication.state_version,
            outcome,
            tool_calls,
            ticket,
            alert,
        }
    }

    fn ticket(&self, case: &PublishCase, error: &str) -> HitlTicket {
        let now = self.ambient.now();
        HitlTicket {
            id: TicketId::generate(&*self.ambient),
            tenant_id: case.task.tenant_id,
            trace_id: case.task.trace_id,
            task_id: case.task.id,
            artifact_id: case.artifact.id,
            artifact_hash: case.artifact.content_hash.clone(),
            question: Question::IsItOut,
            confidence: Score::ZERO,
            sensitive_topics: vec![],
            reasoning_trace: format!(
                "Is this post out? {error}. Look at the account, then confirm it or have it published again."
            ),
            assigned_to: None,
            sla_expires_at: now + HitlTicket::SLA,
            resolution: None,
            resolved_by: None,
            resolution_note: None,
            resolved_at: None,
            state_version: StateVersion::FIRST,
            created_at: now,
        }
    }

    fn alert(&self, case: &PublishCase, kind: AlertKind, reason: &str, message: &str) -> Alert {
        Alert {
            id: AlertId::generate(&*self.ambient),
            tenant_id: case.task.tenant_id,
            trace_id: Some(case.task.trace_id),
            kind,
            severity: Severity::Critical,
            subject: case.task.id.to_string(),
            reason_code: reason.to_owned(),
            message: message.to_owned(),
            acknowledged_by: None,
            created_at: self.ambient.now(),
        }
    }
}

/// The post that a platform's answer names.
fn post_in(answer: &Value) -> Option<PublishOutcome> {
    let external_id = answer.get("post_id").and_then(Value::as_str).filter(|id| !id.is_empty())?.to_owned();
    let url = answer.get("url").and_then(Value::as_str).map(str::to_owned);
    Some(PublishOutcome::Confirmed { external_id, url })
}
