//! Resources: listed, read (again and again if need be: reading is harmless), and watched.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chimera_domain::{ToolCall, Usd};
use rmcp::{
    model::{
        ClientRequest, ListResourcesRequest, PaginatedRequestParams, ProtocolVersion, ReadResourceRequest,
        ReadResourceRequestParams, ServerNotification, ServerResult, SubscribeRequestParams, SubscriptionFilter,
    },
    service::Subscription,
};
use serde_json::{Map, Value};
use tokio::sync::broadcast;

use crate::{
    call::Job,
    connection::{Connection, Link},
    context::{CallContext, ResourceInfo, ResourceRead},
    error::CallError,
    host::Host,
    output::Reader,
    record::{End, Started, arguments_hash},
    request::Ask,
};

const READ: &str = "resources/read";
const LIST: &str = "resources/list";
const SUBSCRIBE: &str = "resources/subscribe";
const LISTEN: &str = "subscriptions/listen";

/// Pages of a list that are followed.
const PAGES_MAX: usize = 100;

impl Host {
    /// Reads a resource. Tried again after failures that may pass. The record of a failed read is lost; see
    /// [`Self::read_resource_recorded`].
    ///
    /// # Errors
    /// [`CallError`]; a resource that isn't there is [`CallClass::Refused`](crate::CallClass::Refused).
    pub async fn read_resource(
        &self,
        context: &CallContext,
        server: &str,
        uri: &str,
    ) -> Result<ResourceRead, CallError> {
        self.read_resource_recorded(context, server, uri).await.1
    }

    /// The same with the record of the read, whether it succeeded (then [`ResourceRead::call`] is the same record) or
    /// not. A read from a server that isn't configured is recorded as refused, after no attempt.
    pub async fn read_resource_recorded(
        &self,
        context: &CallContext,
        server: &str,
        uri: &str,
    ) -> (ToolCall, Result<ResourceRead, CallError>) {
        let connection = match self.connection(server) {
            Ok(connection) => connection,
            Err(error) => {
                let hash = arguments_hash(&uri_argument(Some(uri)));
                let end = End { error: Some(&error), attempts: 0, cost: Usd::ZERO, arguments_hash: &hash };
                return (Started::now(self.ambient()).finish(context, server, READ, &end), Err(error));
            }
        };
        let request = ReadResourceRequest::new(ReadResourceRequestParams::new(uri));
        let job = self.job(context, connection, READ, ClientRequest::ReadResourceRequest(request), Some(uri));
        let names = BTreeMap::new();
        let reader = Reader { server, tool: READ, names: &names };
        let (call, content) = self.run(&job, &|answer| (reader.resource(answer), Usd::ZERO)).await;
        let read = content.map(|content| ResourceRead {
            uri: content.uri,
            mime: content.mime,
            text: content.text,
            bytes: content.bytes,
            call: call.clone(),
        });
        (call, read)
    }

    /// Lists a server's resources, all pages of them.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list_resources(&self, context: &CallContext, server: &str) -> Result<Vec<ResourceInfo>, CallError> {
        let connection = self.connection(server)?;
        let mut listed = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListResourcesRequest { params: Some(page), ..ListResourcesRequest::default() };
            let job = self.job(context, connection, LIST, ClientRequest::ListResourcesRequest(request), None);
            let (_, page) = self
                .run(&job, &|answer| match answer {
                    ServerResult::ListResourcesResult(page) => (Ok(page), Usd::ZERO),
                    _ => (Err(connection.malformed(LIST, "something that is no list of resources")), Usd::ZERO),
                })
                .await;
            let page = page?;
            listed.extend(page.resources.into_iter().map(ResourceInfo::from));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    /// Watches a resource for changes, in the way that the server's revision has for it. The watch ends with the
    /// connection; watch again then, and read, as changes may have been missed.
    ///
    /// # Errors
    /// [`CallError`]; a server that offers no updates refuses.
    pub async fn watch_resource(
        &self,
        context: &CallContext,
        server: &str,
        uri: &str,
    ) -> Result<ResourceUpdates, CallError> {
        let connection = self.connection(server)?;
        let link = connection
            .link()
            .await
            .map_err(|source| CallError::Connect { server: server.to_owned(), source: Box::new(source) })?;
        let modern = link.peer.peer_info().is_some_and(|info| info.protocol_version >= ProtocolVersion::V_2026_07_28);
        let source = if modern {
            let mut filter = SubscriptionFilter::new();
            filter.resource_subscriptions = Some(vec![uri.to_owned()]);
            let silence = Duration::from_millis(connection.config.timeout_ms);
            let listening =
                tokio::time::timeout(silence, link.peer.listen(filter)).await.map_err(|_| CallError::Timeout {
                    server: server.to_owned(),
                    tool: LISTEN.to_owned(),
                    after_ms: connection.config.timeout_ms,
                })?;
            let subscription = listening.map_err(|error| connection.failure(LISTEN, &link, error))?;
            let accepted = subscription.acknowledged().resource_subscriptions.as_ref();
            if !accepted.is_some_and(|uris| uris.iter().any(|u| u == uri)) {
                return Err(connection.malformed(LISTEN, "an acknowledgement that leaves the resource out"));
            }
            Source::Stream(Box::new(subscription))
        } else {
            let updates = link.listener.updates();
            let request = legacy_subscribe(uri);
            let job = self.job(context, connection, SUBSCRIBE, request, Some(uri));
            self.run(&job, &|_| (Ok(()), Usd::ZERO)).await.1?;
            Source::Broadcast(updates)
        };
        Ok(ResourceUpdates { uri: uri.to_owned(), link, source })
    }

    fn job<'a>(
        &self,
        context: &'a CallContext,
        connection: &'a Connection,
        method: &'a str,
        request: ClientRequest,
        uri: Option<&str>,
    ) -> Job<'a> {
        Job {
            connection,
            ask: Ask { context, label: method, silence: Duration::from_millis(connection.config.timeout_ms) },
            request,
            idempotent: true,
            arguments_hash: arguments_hash(&uri_argument(uri)),
            cost_unknown: Usd::ZERO,
        }
    }
}

fn uri_argument(uri: Option<&str>) -> Map<String, Value> {
    uri.map(|uri| ("uri".to_owned(), Value::from(uri))).into_iter().collect()
}

#[expect(deprecated, reason = "servers before 2026-07-28 know no other way")]
fn legacy_subscribe(uri: &str) -> ClientRequest {
    ClientRequest::SubscribeRequest(rmcp::model::SubscribeRequest::new(SubscribeRequestParams::new(uri)))
}

/// Changes of one resource.
pub struct ResourceUpdates {
    uri: String,
    link: Arc<Link>,
    source: Source,
}

enum Source {
    /// 2026-07-28: a stream of its own.
    Stream(Box<Subscription>),
    /// Before: notifications of the whole connection.
    Broadcast(broadcast::Receiver<String>),
}

impl ResourceUpdates {
    /// Waits for the next change. `None` when the connection, or the server's interest, has ended. Several changes in
    /// quick succession may be reported as one.
    pub async fn next(&mut self) -> Option<()> {
        loop {
            match &mut self.source {
                Source::Stream(subscription) => match subscription.next().await {
                    Ok(Some(ServerNotification::ResourceUpdatedNotification(_))) => return Some(()),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return None,
                },
                Source::Broadcast(updates) => tokio::select! {
                    biased;
                    update = updates.recv() => match update {
                        Ok(uri) if uri == self.uri => return Some(()),
                        Ok(_) => {}
                        // Some were missed; ours may be among them.
                        Err(broadcast::error::RecvError::Lagged(_)) => return Some(()),
                        Err(broadcast::error::RecvError::Closed) => return None,
                    },
                    () = self.link.gone.cancelled() => return None,
                },
            }
        }
    }
}

impl std::fmt::Debug for ResourceUpdates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceUpdates").field("uri", &self.uri).finish_non_exhaustive()
    }
}
