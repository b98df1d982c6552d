//! From document to document and campaign to campaign: trouble with one campaign holds back no other.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chimera_domain::{Agent, AgentId, Campaign, ToolCall, contracts::Mention, error_chain};
use tokio_util::sync::CancellationToken;

use crate::{
    Planner, PlannerError, PlannerReport,
    mentions::Heard,
    planner::Round,
    reading::{Document, Read},
    spans::ReadAt,
    triage::Sighting,
};

/// How far a round of planning has come.
pub(crate) struct Course<'a> {
    /// Calls that are yet to be recorded; the first plan that is committed takes them along.
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) report: PlannerReport,
    /// What the database refused of some campaign.
    pub(crate) trouble: Option<PlannerError>,
    pub(crate) cancel: &'a CancellationToken,
}

impl Course<'_> {
    /// Goes on after trouble with one campaign, unless the database may grant another time what it refused.
    fn past(&mut self, campaign: &Campaign, error: PlannerError) -> Result<(), PlannerError> {
        match error {
            PlannerError::Store(error) if error.is_retryable() => Err(error.into()),
            error => {
                tracing::error!(campaign = %campaign.slug, error = %error_chain(&error), "planning failed");
                self.trouble = Some(error);
                Ok(())
            }
        }
    }

    /// Whether a campaign has seen the whole of a document; not where there was trouble.
    fn seen(&mut self, campaign: &Campaign, planned: Result<bool, PlannerError>) -> Result<bool, PlannerError> {
        match planned {
            Ok(seen) => Ok(seen),
            Err(error) => self.past(campaign, error).map(|()| false),
        }
    }
}

impl Planner {
    /// Plans from what was read.
    pub(crate) async fn plan_all(
        &self,
        reads: Vec<Read>,
        watchers: &BTreeMap<String, Vec<&Campaign>>,
        round: &Round,
        course: &mut Course<'_>,
    ) -> Result<(), PlannerError> {
        let mut seen_to_the_end = Vec::with_capacity(reads.len());
        for Read { cursor, document, failed, at, .. } in reads {
            course.report.resources_failed += usize::from(failed);
            course.report.resources_changed += usize::from(document.is_some());
            let watching = watchers.get(&cursor.resource_uri).map(Vec::as_slice).unwrap_or_default();
            let uri = cursor.resource_uri.as_str();
            let complete = match document {
                Some(Document::Feed(feed)) => {
                    let items: Vec<Sighting> = feed.items.into_iter().map(Sighting::new).collect();
                    self.plan_document(watching, &round.agents, (uri, at, &items), course).await?
                }
                Some(Document::Mentions(spoken)) => {
                    self.answer_all(watching, round, (uri, at, &spoken.mentions), course).await?
                }
                None => true,
            };
            // A cursor moves on only when every campaign has seen the content, so a crash re-reads instead of skipping.
            if complete {
                seen_to_the_end.push(cursor);
            }
        }
        Ok(self.store.cursors_save(&seen_to_the_end).await?)
    }

    /// Plans from one document for every campaign that watches its resource; whether all have seen the whole of it.
    async fn plan_document(
        &self,
        watching: &[&Campaign],
        agents: &HashMap<AgentId, Arc<Agent>>,
        (uri, read, items): (&str, ReadAt, &[Sighting]),
        course: &mut Course<'_>,
    ) -> Result<bool, PlannerError> {
        let mut complete = true;
        for group in self.groups(watching) {
            let mut weighed = Vec::with_capacity(group.len());
            for campaign in group {
                // What was weighed, and paid for, is planned all the same.
                if course.cancel.is_cancelled() {
                    complete = false;
                    break;
                }
                match self.weigh(campaign, agents, items, &mut course.calls, &mut course.report).await {
                    Ok(one) => weighed.extend(one),
                    Err(error) => {
                        course.past(campaign, error)?;
                        complete = false;
                    }
                }
            }
            let mut places = self.places(&mut weighed).await?;
            for one in weighed {
                let (campaign, read) = (one.campaign, (uri, read));
                let planned = self.plan_weighed(one, &mut places, read, &mut course.calls, &mut course.report).await;
                complete &= course.seen(campaign, planned)?;
            }
        }
        Ok(complete)
    }

    /// Plans answers to what was said to an agent; whether all that are due are planned.
    async fn answer_all(
        &self,
        watching: &[&Campaign],
        round: &Round,
        (uri, at, said): (&str, ReadAt, &[Mention]),
        course: &mut Course<'_>,
    ) -> Result<bool, PlannerError> {
        let mut complete = true;
        for campaign in watching {
            if course.cancel.is_cancelled() {
                return Ok(false);
            }
            let heard = Heard { uri, at, said, campaign, watching };
            let planned = self.plan_replies(heard, round, &mut course.calls, &mut course.report).await;
            complete &= course.seen(campaign, planned)?;
        }
        Ok(complete)
    }
}
