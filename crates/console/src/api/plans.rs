//! Plans that wait for their operator: see them, change them, start them or drop them.
//!
//! What is done is done to the plan that was looked at, by its version, and may be sent again: what the same person started
//! or dropped already is told again, and a plan that is as wished already is left as it is. So no key is needed.

use axum::{Extension, Json, extract::State, http::StatusCode};
use chimera_bus::Queue;
use chimera_domain::{AgentTask, AuditAction, Channel, Priority, TraceId, TrendSignal, Usd, error_chain};
use chimera_store::{
    AuditFilter, DRAFT_TEXT_MAX, DraftError, DraftFilter, DraftPlan, DraftWish, Drafts, StoreError, UnfitWish,
    draft_text,
};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Given, Id, PAGE_MAX, Seen, Tagged, limit, named, next};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// Why plans are dropped where nobody says it.
pub(crate) const DROPPED: &str = "dropped by its operator";

/// Entries of the audit log about one plan that are looked through for what was done before.
const ACTS_MAX: u64 = 200;

/// Which plans.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Those after the one of this trace: the `next` of the page before.
    after: Option<TraceId>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<u64>,
    /// Those of the campaign of this slug.
    campaign: Option<String>,
}

/// Which posts of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Only those for this channel.
    channel: Option<Channel>,
}

/// Which posts of a plan are not to be made, and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dropped {
    /// Only those for this channel.
    channel: Option<Channel>,
    /// Why, in 1,000 characters at most.
    #[schemars(length(max = DRAFT_TEXT_MAX))]
    because: Option<String>,
}

/// What is to be made instead. What is not said stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    /// Only the posts for this channel.
    channel: Option<Channel>,
    /// What they are for, in 1,000 characters at most.
    #[schemars(length(max = DRAFT_TEXT_MAX))]
    goal: Option<String>,
    /// How urgent they are.
    priority: Option<Priority>,
    /// The most that each may cost.
    post_budget_usd: Option<Usd>,
}

/// A page of plans.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plans")]
pub(crate) struct Page {
    /// How many wait, on this page or another.
    waiting: u64,
    plans: Vec<Told>,
    /// What the next page comes after; null on the last one.
    next: Option<TraceId>,
}

/// A plan as it is told.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub(crate) struct Told {
    trace_id: TraceId,
    /// Its version, as `ETag` tells it.
    version: String,
    since: Option<DateTime<Utc>>,
    cost_max_usd: Usd,
    channels: Vec<Channel>,
    /// Why it was planned.
    reasons: String,
    /// What to beware of.
    warning: Option<String>,
    signal: TrendSignal,
    tasks: Vec<AgentTask>,
}

impl Told {
    fn of(plan: DraftPlan) -> Self {
        Self {
            trace_id: plan.signal.trace_id,
            version: plan.version(),
            since: plan.since(),
            cost_max_usd: plan.cost_max(),
            channels: plan.channels(),
            reasons: plan.signal.reasons(),
            warning: warning(&plan.signal),
            signal: plan.signal,
            tasks: plan.tasks,
        }
    }
}

/// What to beware of: a text that gives orders to whoever reads it.
pub(crate) fn warning(signal: &TrendSignal) -> Option<String> {
    let marks = signal.taint.join(", ").replace('_', " ");
    (!marks.is_empty()).then(|| format!("it gives orders ({marks}); nothing of it goes out without a person"))
}

/// What became of a plan, or of its posts for one channel.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlanDone")]
pub(crate) struct Done {
    trace_id: TraceId,
    /// Tasks that were started or dropped; 0 where that had been done before.
    tasks: usize,
    /// Whether the same person had done it before.
    pub(crate) repeated: bool,
}

pub(crate) async fn list(State(shared): State<Shared>, Asked(wanted): Asked<Wanted>) -> Result<Json<Page>, Problem> {
    let store = &shared.access.store;
    let campaign = named(store, wanted.campaign.as_deref()).await?;
    let (after, limit) = (wanted.after, limit(wanted.limit)?);
    let plans = store.draft_plans(&DraftFilter { campaign, after, limit, ..DraftFilter::default() }).await?;
    let (waiting, next) =
        (store.drafts_waiting(campaign).await?, next(&plans, limit, |plan: &DraftPlan| plan.signal.trace_id));
    Ok(Json(Page { waiting, plans: plans.into_iter().map(Told::of).collect(), next }))
}

pub(crate) async fn one(State(shared): State<Shared>, Id(plan): Id<TraceId>) -> Result<Tagged<Told>, Problem> {
    Ok(tagged(waiting(&shared, plan).await?.ok_or_else(none)?))
}

pub(crate) async fn start(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(plan): Id<TraceId>,
    Seen(seen): Seen,
    Given(part): Given<Part>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(start_seen(&shared, &visitor, plan, &seen, part.channel).await?))
}

pub(crate) async fn withdraw(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(plan): Id<TraceId>,
    Seen(seen): Seen,
    Given(dropped): Given<Dropped>,
) -> Result<Json<Done>, Problem> {
    let because = dropped.because.unwrap_or_else(|| DROPPED.to_owned());
    Ok(Json(drop_seen(&shared, &visitor, plan, &seen, dropped.channel, &because).await?))
}

pub(crate) async fn edit(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(plan): Id<TraceId>,
    Seen(seen): Seen,
    Given(changed): Given<Changed>,
) -> Result<Tagged<Told>, Problem> {
    let Changed { channel, goal, priority, post_budget_usd } = changed;
    let wish = DraftWish { goal, priority, post_budget_usd };
    edit_seen(&shared, &visitor, plan, &seen, channel, wish).await?;
    Ok(tagged(waiting(&shared, plan).await?.ok_or_else(none)?))
}

/// Starts a plan that was seen at this version.
pub(crate) async fn start_seen(
    shared: &Shared,
    visitor: &Visitor,
    plan: TraceId,
    seen: &str,
    channel: Option<Channel>,
) -> Result<Done, Problem> {
    let Some(found) = found(shared, plan, channel).await? else {
        return again(shared, visitor, plan, channel, AuditAction::DraftStarted).await;
    };
    same(&found, seen)?;
    let (tasks, now) = (found.seen(channel), shared.access.ambient.now());
    let these = Drafts { signals: &[found.signal.id], channel, seen: Some(&tasks) };
    let store = shared.access.store.acting_as(visitor.operator());
    let ready = match store.drafts_start(these, now).await {
        // Sent twice at once.
        Err(DraftError::None(_)) => return again(shared, visitor, plan, channel, AuditAction::DraftStarted).await,
        started => started.map_err(problem)?,
    };
    // Whoever sweeps would deliver them, too, a little later.
    if let Err(error) = shared.bus.push(Queue::Task, &ready).await {
        tracing::warn!(error = %error_chain(&error), "the queue can't be reached; a sweep delivers what was started");
    }
    Ok(Done { trace_id: plan, tasks: tasks.len(), repeated: false })
}

/// Drops a plan that was seen at this version.
pub(crate) async fn drop_seen(
    shared: &Shared,
    visitor: &Visitor,
    plan: TraceId,
    seen: &str,
    channel: Option<Channel>,
    because: &str,
) -> Result<Done, Problem> {
    let because = draft_text(because).map_err(unfit)?;
    let Some(found) = found(shared, plan, channel).await? else {
        return again(shared, visitor, plan, channel, AuditAction::DraftDropped).await;
    };
    same(&found, seen)?;
    let (tasks, now) = (found.seen(channel), shared.access.ambient.now());
    let these = Drafts { signals: &[found.signal.id], channel, seen: Some(&tasks) };
    match shared.access.store.acting_as(visitor.operator()).drafts_drop(these, &because, now).await {
        Err(DraftError::None(_)) => again(shared, visitor, plan, channel, AuditAction::DraftDropped).await,
        dropped => Ok(Done { trace_id: plan, tasks: dropped.map_err(problem)?, repeated: false }),
    }
}

/// Changes a plan that was seen at this version; one that is as wished already is left as it is.
pub(crate) async fn edit_seen(
    shared: &Shared,
    visitor: &Visitor,
    plan: TraceId,
    seen: &str,
    channel: Option<Channel>,
    wish: DraftWish,
) -> Result<(), Problem> {
    let wish = wish.checked().map_err(unfit)?;
    let found = found(shared, plan, channel).await?.ok_or_else(none)?;
    let edits = found.edits(channel, &wish);
    if edits.is_empty() {
        return Ok(());
    }
    same(&found, seen)?;
    let store = shared.access.store.acting_as(visitor.operator());
    store.drafts_edit(&edits, shared.access.ambient.now()).await.map_err(problem)?;
    Ok(())
}

/// The plan of this trace, if it waits.
async fn waiting(shared: &Shared, trace: TraceId) -> Result<Option<DraftPlan>, Problem> {
    let filter = DraftFilter { traces: vec![trace], limit: 1, ..DraftFilter::default() };
    Ok(shared.access.store.draft_plans(&filter).await?.pop())
}

/// The same, if something of it waits that is for this channel.
async fn found(shared: &Shared, trace: TraceId, channel: Option<Channel>) -> Result<Option<DraftPlan>, Problem> {
    Ok(waiting(shared, trace).await?.filter(|plan| plan.tasks_for(channel).next().is_some()))
}

/// That the same person has done it before; a problem if they have not.
async fn again(
    shared: &Shared,
    visitor: &Visitor,
    plan: TraceId,
    channel: Option<Channel>,
    action: AuditAction,
) -> Result<Done, Problem> {
    let acts = AuditFilter {
        trace_id: Some(plan),
        actor: Some(visitor.operator().to_string()),
        action: Some(action),
        limit: ACTS_MAX,
        ..AuditFilter::default()
    };
    let store = &shared.access.store;
    let acts = store.audit_entries(&acts).await?;
    let tasks = store.tasks_by_trace(plan).await?;
    let did =
        |of: Channel| tasks.iter().any(|t| t.channel == of && acts.iter().any(|a| a.subject_id == t.id.as_uuid()));
    let mut wanted = tasks.iter().map(|task| task.channel).filter(|of| channel.is_none_or(|one| one == *of)).peekable();
    if wanted.peek().is_some() && wanted.all(did) {
        return Ok(Done { trace_id: plan, tasks: 0, repeated: true });
    }
    Err(none())
}

fn none() -> Problem {
    Problem::not_found("no such plan waits: it was started, dropped or overtaken meanwhile, or never waited")
}

fn same(plan: &DraftPlan, seen: &str) -> Result<(), Problem> {
    let version = plan.version();
    if version == seen { Ok(()) } else { Err(changed().with("version", version)) }
}

fn changed() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "the plan was changed since you saw it: look again")
}

fn unfit(wish: UnfitWish) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, wish.to_string())
}

/// Why nothing was done.
fn problem(error: DraftError) -> Problem {
    match error {
        DraftError::None(_) => none(),
        DraftError::Changed(_) | DraftError::Store(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => {
            changed()
        }
        DraftError::Outdated { .. } => Problem::new(StatusCode::CONFLICT, error.to_string()),
        DraftError::Store(error) => error.into(),
    }
}

fn tagged(plan: DraftPlan) -> Tagged<Told> {
    Tagged { version: plan.version(), told: Told::of(plan) }
}
