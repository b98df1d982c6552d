//! Hearing notices over Redis: one connection for each listener, renewed when it is cut.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt as _, StreamExt as _};
use redis::{RedisResult, aio::PubSubStream};
use tokio::time::{sleep, timeout};

use super::keys;
use crate::{Listener, RedisLink, Topic};

/// The pause before the next attempt to listen.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Listens on a connection of its own.
pub(super) struct RedisListener {
    link: RedisLink,
    channel: String,
    state: State,
}

type Connecting = Pin<Box<dyn Future<Output = RedisResult<PubSubStream>> + Send>>;

enum State {
    /// The next call connects.
    Deaf,
    /// Kept between calls, so that a listener who never waits long still comes to hear.
    Connecting(Connecting),
    Hearing(PubSubStream),
}

impl fmt::Debug for RedisListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisListener").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl RedisListener {
    pub(super) fn new(link: RedisLink, topic: Topic) -> Self {
        let channel = keys::notices(link.prefix(), topic);
        Self { link, channel, state: State::Deaf }
    }

    fn connect(&self, after: Duration) -> Connecting {
        let (link, channel) = (self.link.clone(), self.channel.clone());
        Box::pin(async move {
            sleep(after).await;
            link.subscribe(&channel).await
        })
    }

    /// Returns when notices have come, or when some may have been missed.
    async fn next(&mut self) {
        loop {
            match &mut self.state {
                State::Deaf => self.state = State::Connecting(self.connect(Duration::ZERO)),
                State::Connecting(connecting) => match connecting.await {
                    Ok(stream) => {
                        self.state = State::Hearing(stream);
                        return;
                    }
                    // Whoever uses the queues reports it; a listener only tries again.
                    Err(_) => self.state = State::Connecting(self.connect(LISTEN_AGAIN_AFTER)),
                },
                State::Hearing(stream) => {
                    if stream.next().await.is_none() {
                        self.state = State::Deaf;
                        continue;
                    }
                    // Those that came meanwhile say the same.
                    while let Some(Some(_)) = stream.next().now_or_never() {}
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Listener for RedisListener {
    async fn heard(&mut self, wait: Duration) -> bool {
        timeout(wait, self.next()).await.is_ok()
    }
}
