//! The judge's loop.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chimera_bus::{Bus, Gather, Queue};
use chimera_domain::{
    AgentTask, Ambient, CampaignId, Channel, Outdated, SensitiveTopic, StateVersion, TaskEvent, TaskId, ToolCall,
    error_chain,
    policy::{EarlierPost, PostedBefore, TroubleRest},
};
use chimera_llm::{Asked, Mind, Opinion, OpinionAsk, PersonaBrief, TopicScanner, injection_markers};
use chimera_store::{ReviewCase, Ruling, Store, StoreError};
use chimera_telemetry::{CONFLICTS, STAGE_DURATION, Span, VERDICTS};
use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    Findings, HitlQueue, JudgeConfig, Maps, RepeatsConfig, assess,
    assess::plainly_answered,
    outdated::{renewed, withdrawn},
    patience::Patience,
    rule::{is_replanned, rule},
    spans,
};

/// Results judged and committed together at the most.
const BATCH_MAX: usize = 256;
const IDLE_WAIT: Duration = Duration::from_secs(1);
const TROUBLE_REST: Duration = Duration::from_millis(500);
/// How often verdicts are written while the database is away: the mind was paid for them.
const WRITE_ATTEMPTS_MAX: u32 = 5;

/// Judges results and commits the verdicts.
#[derive(Debug, Clone)]
pub struct Judge {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    waiting: HitlQueue,
    mind: Arc<dyn Mind>,
    scanner: Arc<TopicScanner>,
    ambient: Arc<dyn Ambient>,
    config: JudgeConfig,
    patience: Patience,
}

/// What a judge has set aside, at the versions that it read.
type Weighed = HashMap<TaskId, StateVersion>;

/// A case as far as it came: a ruling, unless it is left for later, and what asking the mind took.
type Judged = (Option<Ruling>, Option<ToolCall>);

impl Judge {
    /// A judge over its dependencies; `name` says in the database what it weighs.
    #[must_use]
    pub fn new(
        name: String,
        store: Store,
        bus: Arc<dyn Bus>,
        mind: Arc<dyn Mind>,
        scanner: Arc<TopicScanner>,
        ambient: Arc<dyn Ambient>,
        config: JudgeConfig,
    ) -> Self {
        let waiting = HitlQueue::new(store.clone(), bus.clone());
        Self { name, store, bus, waiting, mind, scanner, ambient, config, patience: Patience::default() }
    }

    /// Judges until cancelled; a batch under way is finished first.
    pub async fn serve(self, cancel: CancellationToken) {
        let (mut trouble, mut gather) = (TroubleRest::default(), Gather::default());
        loop {
            let batch = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                batch = gather.take(&*self.bus, Queue::Review, BATCH_MAX, IDLE_WAIT) => batch,
            };
            let done = match batch {
                Ok(batch) if batch.is_empty() => Ok(()),
                Ok(batch) => {
                    let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
                    let done = self.round(&ids).await.map_err(|e| error_chain(&e));
                    if let Err(error) = self.bus.acknowledge(Queue::Review, &receipts).await {
                        tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused");
                    }
                    gather.done(ids.len());
                    done
                }
                Err(error) => Err(error_chain(&error)),
            };
            match done {
                Ok(()) => trouble.went_well(),
                Err(error) => {
                    tracing::warn!(error, "judging stopped; trying again");
                    tokio::select! {
                        () = cancel.cancelled() => return,
                        () = tokio::time::sleep(trouble.failed(self.ambient.dice())) => {}
                    }
                }
            }
        }
    }

    /// Judges those of these results that no other judge weighs. Verdicts are committed as they come, so that a slow answer of the mind holds back no other
    /// post. What is void by now, because its campaign or its persona has moved, is withdrawn or planned anew, and the mind
    /// is not asked.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached; the results concerned then wait for the sweeper.
    pub async fn round(&self, ids: &[TaskId]) -> Result<(), StoreError> {
        let lease = Duration::from_millis(self.config.lease_ms);
        let cases = self.store.review_take(ids, &self.name, lease).await?;
        let posts = cases.iter().filter(|case| case.task.task_type.is_publishable());
        let weighed = Mutex::new(posts.map(|case| (case.task.id, case.task.state_version)).collect());
        let done = tokio::select! {
            done = self.weigh(ids, cases, &weighed) => done,
            () = self.heartbeats(&weighed, lease) => Ok(()),
        };
        // What is left for later is anybody's.
        let left: Vec<TaskId> = weighed.into_inner().unwrap_or_else(PoisonError::into_inner).into_keys().collect();
        if !left.is_empty() {
            self.store.review_release(&left, &self.name).await?;
        }
        done
    }

    /// Renews what is set aside, three times within each lease.
    async fn heartbeats(&self, weighed: &Mutex<Weighed>, lease: Duration) {
        let mut beats = tokio::time::interval((lease / 3).max(Duration::from_millis(10)));
        // The first beat comes at once, and the leases are fresh.
        beats.tick().await;
        loop {
            beats.tick().await;
            let held: Vec<_> = lock(weighed).iter().map(|(id, version)| (*id, *version)).collect();
            if let Err(error) = self.store.task_heartbeat(&held, &self.name, lease).await {
                tracing::warn!(error = %error_chain(&error), "what is weighed could not be kept aside");
            }
        }
    }

    /// Judges cases; takes those that it is done with out of what is weighed.
    async fn weigh(&self, ids: &[TaskId], cases: Vec<ReviewCase>, weighed: &Mutex<Weighed>) -> Result<(), StoreError> {
        let known: HashSet<TaskId> = cases.iter().map(|case| case.task.id).collect();
        let elsewhere = ids.iter().copied().filter(|id| !known.contains(id)).collect();
        let (void, cases): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| outdated(case).is_some());
        let mut trouble = self.withdraw(&void, elsewhere).await.err();
        let maps = &self.maps(&cases).await?;
        let repeated = self.repeated(&cases).await?;
        let judging = stream::iter(cases.into_iter().zip(repeated))
            .map(|(case, repeated)| async move { self.judge(&case, repeated, maps).await })
            .buffer_unordered(self.config.opinions_at_once.max(1))
            .ready_chunks(BATCH_MAX);
        let mut judging = pin!(judging);
        let mut late = Vec::new();
        while let Some(judged) = judging.next().await {
            let ruled: Vec<TaskId> =
                judged.iter().filter_map(|(ruling, _)| Some(ruling.as_ref()?.decision.task_id)).collect();
            match self.write(judged).await {
                Ok(outdated) => {
                    late.extend(outdated);
                    lock(weighed).retain(|id, _| !ruled.contains(id));
                }
                Err(error) => trouble = Some(error),
            }
        }
        if !late.is_empty() {
            // They became void while they were judged. Read afresh, they tell why.
            let cases = self.store.review_cases(&late).await?;
            let void: Vec<_> = cases.into_iter().filter(|case| outdated(case).is_some()).collect();
            self.withdraw(&void, vec![]).await?;
        }
        trouble.map_or(Ok(()), Err)
    }

    /// What the confidence in these posts means by now: read each time, so that a new map counts from the next post on.
    async fn maps(&self, cases: &[ReviewCase]) -> Result<Maps, StoreError> {
        let posts = cases.iter().filter(|case| case.task.task_type.is_publishable());
        let mut campaigns: Vec<CampaignId> = posts.map(|case| case.campaign.id).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        if campaigns.is_empty() { Ok(Maps::new()) } else { self.store.judge_maps(&campaigns).await }
    }

    /// Withdraws results that are void, and plans anew those posts among them, and among the tasks `elsewhere` that are not
    /// in review, whose persona has changed.
    async fn withdraw(&self, void: &[ReviewCase], elsewhere: Vec<TaskId>) -> Result<(), StoreError> {
        let (mut rulings, mut renewable) = (Vec::new(), elsewhere);
        for case in void {
            match outdated(case) {
                Some(Outdated::PersonaChanged { .. }) if case.task.task_type.is_publishable() => {
                    renewable.push(case.task.id);
                }
                Some(why) => rulings.push(withdrawn(&case.task, &why, &*self.ambient)),
                None => {}
            }
        }
        if !renewable.is_empty() {
            let posts = self.store.outdated_posts(&renewable).await?;
            rulings.extend(posts.iter().filter_map(|post| renewed(post, self.config.replans_max, &*self.ambient)));
        }
        for ruling in &rulings {
            let decision = &ruling.decision;
            tracing::info!(
                trace_id = %decision.trace_id, task_id = %decision.task_id, reason = %decision.reasoning_trace, "void"
            );
        }
        self.write(rulings.into_iter().map(|ruling| (Some(ruling), None)).collect()).await?;
        Ok(())
    }

    /// Commits verdicts; while the database is away, again; and one by one when one of them is what it refuses. Gives the
    /// tasks whose verdicts were not taken because they became void meanwhile.
    async fn write(&self, judged: Vec<Judged>) -> Result<Vec<TaskId>, StoreError> {
        let (rulings, calls): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
        let rulings: Vec<Ruling> = rulings.into_iter().flatten().collect();
        let calls: Vec<ToolCall> = calls.into_iter().flatten().collect();
        let mut error = match self.write_once(&rulings, &calls).await {
            Ok(outdated) => return Ok(outdated),
            Err(error) => error,
        };
        for _ in 1..WRITE_ATTEMPTS_MAX {
            if !error.is_retryable() {
                break;
            }
            tokio::time::sleep(TROUBLE_REST).await;
            match self.write_once(&rulings, &calls).await {
                Ok(outdated) => return Ok(outdated),
                Err(again) => error = again,
            }
        }
        // What was paid is on record whatever becomes of the verdicts.
        if let Err(error) = self.store.tool_calls_record(&calls).await {
            tracing::error!(calls = calls.len(), error = %error_chain(&error), "what the mind was asked can't be recorded");
        }
        if !error.is_retryable() && rulings.len() > 1 {
            for ruling in &rulings {
                if let Err(error) = self.write_once(std::slice::from_ref(ruling), &[]).await {
                    tracing::error!(trace_id = %ruling.decision.trace_id, task_id = %ruling.decision.task_id, error = %error_chain(&error), "a verdict can't be written");
                }
            }
        }
        Err(error)
    }

    async fn write_once(&self, rulings: &[Ruling], calls: &[ToolCall]) -> Result<Vec<TaskId>, StoreError> {
        if rulings.is_empty() {
            self.store.tool_calls_record(calls).await?;
            return Ok(vec![]);
        }
        let decided = self.store.task_decide_recording(rulings, calls, self.ambient.now()).await?;
        self.patience.forget(&decided.applied);
        VERDICTS.add_for("applied", decided.applied.len());
        VERDICTS.add_for("conflict", decided.conflicts.len());
        CONFLICTS.add_for("verdict", decided.conflicts.len());
        if !decided.conflicts.is_empty() {
            tracing::info!(conflicts = decided.conflicts.len(), "verdicts were dropped: the tasks had moved on");
            self.patience.forget(&decided.conflicts);
        }
        self.offer(Queue::Task, &decided.ready).await;
        self.offer(Queue::Publish, &decided.approved).await;
        let asked_or_withdrawn = |ruling: &Ruling| ruling.ticket.is_some() || ruling.event == TaskEvent::Cancel;
        if rulings.iter().any(asked_or_withdrawn) {
            self.waiting.announce().await;
        }
        Ok(decided.outdated.into_iter().map(|(id, _)| id).collect())
    }

    /// What each of these says again: a post that went out or will, or one that comes before it among them, whatever is
    /// ruled on that.
    async fn repeated(&self, cases: &[ReviewCase]) -> Result<Vec<Option<EarlierPost>>, StoreError> {
        let RepeatsConfig { hours, posts } = self.config.repeats;
        let is_post = |case: &&ReviewCase| case.task.task_type.is_publishable();
        let channels: HashSet<Channel> = cases.iter().filter(is_post).map(|case| case.artifact.channel).collect();
        if hours == 0 || channels.is_empty() {
            return Ok(vec![None; cases.len()]);
        }
        let (channels, since) = (Vec::from_iter(channels), self.ambient.now() - TimeDelta::hours(hours.into()));
        let mut before = PostedBefore::of(self.store.posted_since(&channels, since, posts.into()).await?);
        let look = |case: &ReviewCase| {
            // What is said to one person is said again to another.
            let is_post = case.task.task_type.is_publishable() && case.artifact.in_reply_to.is_none();
            let post = is_post.then(|| EarlierPost::from(&case.artifact))?;
            let repeated = before.repeated_by(&post).cloned();
            before.add(post);
            repeated
        };
        Ok(cases.iter().map(look).collect())
    }

    /// The ruling on one case, and what asking the mind took. No ruling when the mind is not to be had for now and the
    /// sweeper should bring the case again.
    async fn judge(&self, case: &ReviewCase, repeated: Option<EarlierPost>, maps: &Maps) -> Judged {
        let span = spans::of_case(case);
        span.around(self.judge_within(case, repeated, maps, &span)).await
    }

    async fn judge_within(&self, case: &ReviewCase, repeated: Option<EarlierPost>, maps: &Maps, span: &Span) -> Judged {
        let (findings, call) = if case.task.task_type.is_publishable() {
            self.look_at_post(case).await
        } else {
            (Some(Findings::default()), None)
        };
        let Some(findings) = findings else { return (None, call) };
        // Its campaign's own map, if there is one, else everybody's; neither counts for another mind's opinions.
        let map = |of: Option<CampaignId>| maps.get(&of).filter(|map| map.is_for(&findings.opinion_of));
        let map = map(Some(case.campaign.id)).or_else(|| map(None));
        let assessment = assess(case, Findings { repeated, ..findings }, &self.config.thresholds, map);
        tracing::info!(
            trace_id = %case.task.trace_id, task_id = %case.task.id, agent_id = %case.agent.id, task_type = %case.task.task_type,
            confidence = assessment.confidence.get(), verdict = %assessment.route.verdict, "judged"
        );
        spans::judged(span, &assessment);
        let parts = if is_replanned(case, &assessment, self.config.replans_max) {
            match self.parts(case).await {
                Ok(parts) => Some(parts),
                Err(error) => {
                    tracing::warn!(trace_id = %case.task.trace_id, task_id = %case.task.id, error = %error_chain(&error), "judged later");
                    return (None, call);
                }
            }
        } else {
            None
        };
        if case.task.task_type.is_publishable() {
            let took = self.ambient.now() - case.artifact.created_at;
            STAGE_DURATION.observe_for("judged", took.to_std().unwrap_or_default());
        }
        (Some(rule(case, parts.as_deref(), assessment, &*self.ambient)), call)
    }

    /// The tasks that a post depends on, in the order of `depends_on`.
    async fn parts(&self, case: &ReviewCase) -> Result<Vec<AgentTask>, StoreError> {
        let mut parts = self.store.tasks_by_ids(&case.task.depends_on).await?;
        parts.sort_by_key(|part| case.task.depends_on.iter().position(|id| *id == part.id));
        Ok(parts)
    }

    async fn look_at_post(&self, case: &ReviewCase) -> (Option<Findings>, Option<ToolCall>) {
        let (task, artifact) = (&case.task, &case.artifact);
        // The mind has no say in whether the truth is told.
        if plainly_answered(case) {
            return (Some(self.findings(case, None, String::new())), None);
        }
        if self.patience.is_resting(self.ambient.now()) {
            tracing::debug!(trace_id = %task.trace_id, task_id = %task.id, agent_id = %task.agent_id, "the mind asked for a rest; judged later");
            return (None, None);
        }
        let ask = OpinionAsk {
            persona: PersonaBrief::from(&case.agent.soul),
            goal: case.campaign.goal.clone(),
            headline: task.payload.headline.clone(),
            summary: task.payload.summary.clone(),
            channel: artifact.channel,
            text: artifact.text.clone(),
            hashtags: artifact.hashtags.clone(),
            reply: task.payload.reply.clone(),
            budget: None,
        };
        let (task_id, agent_id) = (Some(task.id), Some(task.agent_id));
        let asked = Asked { mind: &*self.mind, question: "opine", trace_id: task.trace_id, task_id, agent_id };
        let (answer, call) = asked.record(&*self.ambient, &ask, self.mind.opine(&ask)).await;
        let (opinion, opinion_of) = match answer {
            Ok(answer) => (Some(answer.value), answer.source.credit()),
            Err(error) => {
                let error_text = error_chain(&error);
                let (trace_id, task_id, agent_id) = (task.trace_id, task.id, task.agent_id);
                if self.patience.ends(task.id, error.retry(), self.ambient.now()) {
                    tracing::warn!(%trace_id, %task_id, %agent_id, error = %error_text, "judged without the mind: a person decides");
                    (None, String::new())
                } else {
                    tracing::warn!(%trace_id, %task_id, %agent_id, error = %error_text, "the mind is not to be had; judged later");
                    return (None, Some(call));
                }
            }
        };
        (Some(self.findings(case, opinion, opinion_of)), Some(call))
    }

    /// What rules find in a post, beside the opinion on it.
    fn findings(&self, case: &ReviewCase, opinion: Option<Opinion>, opinion_of: String) -> Findings {
        let (task, artifact) = (&case.task, &case.artifact);
        // Everything that a reader would meet: the picture shows the headline, and alt texts are read aloud.
        let hashtags = artifact.hashtags.join(" ");
        let shown: Vec<&str> = artifact.media.iter().map(|m| m.alt_text.as_str()).collect();
        let own = format!("{}\n{hashtags}\n{}", artifact.text, shown.join("\n"));
        let about = format!("{}\n{}\n{own}", task.payload.headline, task.payload.summary);
        let mut markers: Vec<String> =
            injection_markers(&own).into_iter().map(|m| m.kind.as_str().to_owned()).collect();
        markers.sort();
        markers.dedup();
        Findings { opinion, opinion_of, topics: self.topics(&about), markers, repeated: None }
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

fn lock(weighed: &Mutex<Weighed>) -> MutexGuard<'_, Weighed> {
    weighed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a result is void, if it is.
fn outdated(case: &ReviewCase) -> Option<Outdated> {
    case.task.outdated(&case.campaign, &case.agent)
}
