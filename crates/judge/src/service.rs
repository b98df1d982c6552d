//! The judge's loop.

use std::{sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{Ambient, SensitiveTopic, TaskId, ToolCall, error_chain};
use chimera_llm::{Asked, Mind, OpinionAsk, PersonaBrief, Retry, TopicScanner, injection_markers};
use chimera_store::{ReviewCase, Ruling, Store, StoreError};
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{Findings, JudgeConfig, assess, rule};

/// Results judged and committed together at the most.
const BATCH_MAX: usize = 64;
const IDLE_WAIT: Duration = Duration::from_secs(1);
const TROUBLE_REST: Duration = Duration::from_millis(500);

/// Judges results and commits the verdicts.
#[derive(Debug, Clone)]
pub struct Judge {
    store: Store,
    bus: Arc<dyn Bus>,
    mind: Arc<dyn Mind>,
    scanner: Arc<TopicScanner>,
    ambient: Arc<dyn Ambient>,
    config: JudgeConfig,
}

impl Judge {
    /// A judge over its dependencies.
    #[must_use]
    pub fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        mind: Arc<dyn Mind>,
        scanner: Arc<TopicScanner>,
        ambient: Arc<dyn Ambient>,
        config: JudgeConfig,
    ) -> Self {
        Self { store, bus, mind, scanner, ambient, config }
    }

    /// Judges until cancelled; a batch under way is finished first.
    pub async fn serve(self, cancel: CancellationToken) {
        loop {
            let batch = tokio::select! {
                () = cancel.cancelled() => return,
                batch = self.bus.take(Queue::Review, BATCH_MAX, IDLE_WAIT) => batch,
            };
            let done = match batch {
                Ok(batch) if batch.is_empty() => continue,
                Ok(batch) => {
                    let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
                    let done = self.round(&ids).await.map_err(|e| error_chain(&e));
                    if let Err(error) = self.bus.acknowledge(Queue::Review, &receipts).await {
                        tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused");
                    }
                    done
                }
                Err(error) => Err(error_chain(&error)),
            };
            if let Err(error) = done {
                tracing::warn!(error, "judging stopped; trying again");
                tokio::time::sleep(TROUBLE_REST).await;
            }
        }
    }

    /// Judges these results.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached; the results then wait for the sweeper.
    pub async fn round(&self, ids: &[TaskId]) -> Result<(), StoreError> {
        let cases = self.store.review_cases(ids).await?;
        let judged: Vec<(Option<Ruling>, Option<ToolCall>)> = stream::iter(cases)
            .map(|case| async move { self.judge(&case).await })
            .buffer_unordered(self.config.opinions_at_once.max(1))
            .collect()
            .await;
        let (rulings, calls): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
        let rulings: Vec<Ruling> = rulings.into_iter().flatten().collect();
        let calls: Vec<ToolCall> = calls.into_iter().flatten().collect();
        // What was paid is written down first: it is spent, whatever becomes of the verdicts.
        self.store.tool_calls_record(&calls).await?;
        if rulings.is_empty() {
            return Ok(());
        }
        let decided = self.store.task_decide(rulings, self.ambient.now()).await?;
        if !decided.conflicts.is_empty() {
            tracing::info!(conflicts = decided.conflicts.len(), "verdicts were dropped: the tasks had moved on");
        }
        self.offer(Queue::Task, &decided.ready).await;
        self.offer(Queue::Publish, &decided.approved).await;
        Ok(())
    }

    /// The ruling on one case, and what asking the mind took. No ruling when the mind is not to be had for now and the
    /// sweeper should bring the case again.
    async fn judge(&self, case: &ReviewCase) -> (Option<Ruling>, Option<ToolCall>) {
        let (findings, call) = if case.task.task_type.is_publishable() {
            let (findings, call) = self.look_at_post(case).await;
            (findings, Some(call))
        } else {
            (Some(Findings::default()), None)
        };
        let Some(findings) = findings else { return (None, call) };
        let assessment = assess(case, findings, &self.config.thresholds);
        tracing::info!(
            trace_id = %case.task.trace_id, task_id = %case.task.id, agent_id = %case.agent.id, task_type = %case.task.task_type,
            confidence = assessment.confidence.get(), verdict = %assessment.route.verdict, "judged"
        );
        (Some(rule(case, assessment, self.config.replans_max, &*self.ambient)), call)
    }

    async fn look_at_post(&self, case: &ReviewCase) -> (Option<Findings>, ToolCall) {
        let (task, artifact) = (&case.task, &case.artifact);
        let ask = OpinionAsk {
            persona: PersonaBrief::from(&case.agent.soul),
            goal: case.campaign.goal.clone(),
            headline: task.payload.headline.clone(),
            summary: task.payload.summary.clone(),
            channel: artifact.channel,
            text: artifact.text.clone(),
            hashtags: artifact.hashtags.clone(),
            budget: None,
        };
        let asked = Asked { mind: &*self.mind, question: "opine", trace_id: task.trace_id, task_id: Some(task.id) };
        let (answer, call) = asked.record(&*self.ambient, &ask, self.mind.opine(&ask)).await;
        let opinion = match answer {
            Ok(answer) => Some(answer.value),
            Err(error) if error.retry() == Retry::Never => {
                tracing::warn!(task_id = %task.id, error = %error_chain(&error), "judged without the mind: a person decides");
                None
            }
            Err(error) => {
                tracing::warn!(task_id = %task.id, error = %error_chain(&error), "the mind is not to be had; judged later");
                return (None, call);
            }
        };
        let about = format!("{}\n{}\n{}", task.payload.headline, task.payload.summary, artifact.text);
        let mut markers: Vec<String> =
            injection_markers(&artifact.text).into_iter().map(|m| m.kind.as_str().to_owned()).collect();
        markers.sort();
        markers.dedup();
        (Some(Findings { opinion, topics: self.topics(&about), markers }), call)
    }

    fn topics(&self, text: &str) -> Vec<SensitiveTopic> {
        self.scanner.scan(text).into_iter().map(SensitiveTopic::from).collect()
    }

    async fn offer(&self, queue: Queue, ids: &[TaskId]) {
        if ids.is_empty() {
            return;
        }
        if let Err(error) = self.bus.push(queue, ids).await {
            tracing::warn!(error = %error_chain(&error), "work waits for the sweeper");
        }
    }
}
