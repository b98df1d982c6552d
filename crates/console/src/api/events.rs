//! Server-sent events: that something has changed, never what. Whoever hears one looks again, by its own right.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use chimera_bus::Listener;
use chimera_store::Pulse;
use futures::{Stream, stream};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::{access::Visitor, problem::Problem, pulse::LOOK_EVERY, routes::Shared};

/// A sign of life goes out so often, so that a connection that is gone is noticed.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Somebody who listens.
struct Ear {
    shared: Shared,
    tickets: Box<dyn Listener>,
    ticks: Interval,
    /// Where things stood when they were last told.
    known: Option<Pulse>,
    to_tell: VecDeque<&'static str>,
    /// When their session ends.
    end: Instant,
}

impl Ear {
    /// The name of what changes next; `None` at the end.
    async fn next(&mut self) -> Option<&'static str> {
        loop {
            if let Some(told) = self.to_tell.pop_front() {
                return Some(told);
            }
            tokio::select! {
                biased;
                () = self.shared.closing.cancelled() => return None,
                () = tokio::time::sleep_until(self.end) => return None,
                heard = self.tickets.heard(ALIVE_EVERY) => if heard { return Some("hitl") },
                _ = self.ticks.tick() => self.look().await,
            }
        }
    }

    async fn look(&mut self) {
        let Some(pulse) = self.shared.last_look.pulse(&self.shared.access.store).await else { return };
        if let Some(known) = &self.known {
            self.to_tell.extend(pulse.changed_since(known).into_iter().map(|watched| watched.as_str()));
        }
        self.known = Some(pulse);
    }
}

pub(crate) async fn events(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // A session that ends must not go on hearing.
    let left = (visitor.credential.expires_at - shared.access.ambient.now()).to_std().unwrap_or_default();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let tickets = shared.waiting.listen();
    let ear = Ear { shared, tickets, ticks, known: None, to_tell: VecDeque::new(), end: Instant::now() + left };
    let heard = stream::unfold(ear, async |mut ear| {
        let what = ear.next().await?;
        Some((Ok(Event::default().event(what).data("look")), ear))
    });
    Ok(Sse::new(heard).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
