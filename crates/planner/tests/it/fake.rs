//! An MCP server of feeds that are set by hand, and a mind that answers as it is told.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chimera_domain::{Score, Usd, contracts::FeedItem};
use chimera_llm::{
    Answer, BlockedStage, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk, Trouble,
    WriteAsk,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents,
        ResourceUpdatedNotificationParam, ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// The server. Clones share everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feeds {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    texts: Mutex<HashMap<String, String>>,
    reads: Mutex<HashMap<String, usize>>,
    hangs: Mutex<bool>,
    hanging: watch::Sender<bool>,
    /// Resources of which no read is answered for now.
    stuck: watch::Sender<HashSet<String>>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
}

impl Feeds {
    pub(crate) fn set(&self, uri: &str, items: &[FeedItem]) {
        let document = json!({"source": uri, "title": "News", "fetched_at": "2026-11-22T10:00:00Z", "items": items});
        self.set_text(uri, &document.to_string());
    }

    pub(crate) fn set_text(&self, uri: &str, text: &str) {
        self.inner.texts.lock().unwrap().insert(uri.to_owned(), text.to_owned());
        self.inner.changes.send_modify(|n| *n += 1);
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.inner.texts.lock().unwrap().remove(uri);
    }

    /// From now on no read of this resource is answered, or all are again.
    pub(crate) fn stick(&self, uri: &str, sticks: bool) {
        self.inner.stuck.send_modify(|stuck| {
            if sticks {
                stuck.insert(uri.to_owned());
            } else {
                stuck.remove(uri);
            }
        });
    }

    /// From now on no read is answered.
    pub(crate) fn hang(&self) {
        *self.inner.hangs.lock().unwrap() = true;
    }

    pub(crate) async fn until_hanging(&self) {
        self.inner.hanging.subscribe().wait_for(|hanging| *hanging).await.unwrap();
    }

    pub(crate) fn reads(&self, uri: &str) -> usize {
        self.inner.reads.lock().unwrap().get(uri).copied().unwrap_or_default()
    }
}

impl ServerHandler for Feeds {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_resources().enable_resources_subscribe().build())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        *self.inner.reads.lock().unwrap().entry(request.uri.clone()).or_default() += 1;
        if *self.inner.hangs.lock().unwrap() {
            self.inner.hanging.send_replace(true);
            context.ct.cancelled().await;
        }
        let mut stuck = self.inner.stuck.subscribe();
        tokio::select! {
            () = context.ct.cancelled() => {}
            _ = stuck.wait_for(|stuck| !stuck.contains(&request.uri)) => {}
        }
        let text = self.inner.texts.lock().unwrap().get(&request.uri).cloned();
        let text = text.ok_or_else(|| ErrorData::resource_not_found("no such feed", None))?;
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, request.uri)]).into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    /// The way of 2026-07-28. Tells of every change that every resource has changed.
    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let uris = context.accepted().resource_subscriptions.clone().unwrap_or_default();
        let mut changes = self.inner.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.changed() => changed.unwrap(),
            }
            for uri in &uris {
                if context.sink().notify_resource_updated(uri.as_str()).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// The way before.
    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let mut changes = self.inner.changes.subscribe();
        let peer = context.peer;
        TaskTracker::new().spawn(async move {
            while changes.changed().await.is_ok() {
                if peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(&request.uri)).await.is_err() {
                    return;
                }
            }
        });
        Ok(())
    }
}

/// How the mind answers one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Scores,
    RateLimited,
    Unavailable,
    Malformed,
    /// One score too few.
    Short,
}

/// A mind that reads an item's score off its goal, or else off its summary, such as `0.82`. It refuses to look at a title that holds
/// `UNSPEAKABLE`.
#[derive(Debug, Default)]
pub(crate) struct ScriptedMind {
    fates: Mutex<VecDeque<Fate>>,
    asked: Mutex<Vec<Vec<String>>>,
}

impl ScriptedMind {
    /// The next questions meet these; later ones are answered.
    pub(crate) fn script(&self, fates: &[Fate]) {
        self.fates.lock().unwrap().extend(fates);
    }

    /// The titles of each question.
    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }
}

/// What every question costs.
pub(crate) const PRICE: Usd = Usd::from_micros(7);

#[async_trait]
impl Mind for ScriptedMind {
    fn about(&self) -> MindInfo {
        MindInfo::of_one("scripted", "chimera.scripted", "scripted-1")
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        self.asked.lock().unwrap().push(ask.items.iter().map(|i| i.title.clone()).collect());
        let mut value: Vec<Relevance> = ask
            .items
            .iter()
            .map(|item| Relevance {
                score: Score::new(ask.goal.parse().or(item.summary.parse()).unwrap_or_default()).unwrap(),
                why: format!("its summary says {}", item.summary),
            })
            .collect();
        match self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Scores) {
            Fate::Scores => {}
            Fate::Short => drop(value.pop()),
            Fate::RateLimited => return Err(MindError::RateLimited { retry_after: None, spent: Usd::ZERO }),
            Fate::Unavailable => {
                return Err(MindError::Unavailable { trouble: Trouble::Connect, spent: Usd::ZERO, source: None });
            }
            Fate::Malformed => {
                return Err(MindError::Malformed {
                    model: "m".to_owned(),
                    problem: "no JSON".to_owned(),
                    spent: PRICE,
                });
            }
        }
        if ask.items.iter().any(|i| i.title.contains("UNSPEAKABLE")) {
            let reason = "SAFETY".to_owned();
            return Err(MindError::Blocked { reason, stage: BlockedStage::Prompt, spent: PRICE });
        }
        Ok(Answer::of(value, PRICE, &self.about().judge[0]))
    }

    async fn write(&self, _: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        panic!("a planner does not write")
    }

    async fn opine(&self, _: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        panic!("a planner does not judge")
    }
}
