//! One post: the call, what is looked up about it, and what follows from both.

use std::time::Duration;

use chimera_domain::{
    ToolCall, error_chain,
    policy::{LookAt, PublishStep},
};
use chimera_mcp::Permit;
use chimera_store::{PublishCase, PublishOutcome, Settlement};
use tokio::time::Instant;

use super::{Origin, Publisher};
use crate::{
    platform::{Call, Post, Sight},
    rests::rest_after,
    settlement::settlement,
    spans,
};

/// So long after the gate opened for a post, nobody asks again whether it is still open. What waits longer, for its media,
/// its server or a look-up, asks before it calls.
const GATE_HOLDS: Duration = Duration::from_millis(100);

impl Publisher {
    /// Brings one publication to an outcome.
    pub(super) async fn settle(&self, case: &PublishCase, origin: Origin) -> Settlement {
        let mut calls = Vec::new();
        let span = spans::of_publication(case);
        let settling = async {
            match origin {
                Origin::LeftBehind => self.find_out(case, &mut calls).await,
                Origin::Begun { at } => self.publish(case, at, &mut calls).await,
            }
        };
        let outcome = span.around(settling).await;
        spans::settled(&span, &outcome);
        settlement(case, outcome, calls, &*self.ambient)
    }

    /// Whether a vanished publisher got its post out. Nothing is published here.
    async fn find_out(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> PublishOutcome {
        let seen = self.platform.look_up(case, calls).await;
        let step = self.platform.abilities().after_look(LookAt::LeftBehind, seen.look());
        outcome(step, seen, "the publisher before vanished during its call", Duration::ZERO)
    }

    /// Publishes a post, unless it proves to be out. What follows from what is the platform's abilities' to say.
    async fn publish(&self, case: &PublishCase, begun: Instant, calls: &mut Vec<ToolCall>) -> PublishOutcome {
        let (able, in_doubt) = (self.platform.abilities(), case.previously_attempted);
        let mut fresh_until = begun + GATE_HOLDS;
        if able.begin(in_doubt) == PublishStep::Look {
            fresh_until = begun;
            let seen = self.platform.look_up(case, calls).await;
            let step = able.after_look(LookAt::BeforeCall, seen.look());
            if step != PublishStep::Call {
                return outcome(step, seen, &earlier(case), Duration::ZERO);
            }
        }
        let attempts = case.publication.attempts;
        let attempts_left = attempts < self.config.attempts_max;
        let call = self.platform.publish(case, self.permit(case, fresh_until), calls).await;
        let (mut step, mut asked, mut seen) = (able.after_call(call.end(), in_doubt, attempts_left), None, None);
        let mut error = match call {
            Call::Out(post) => return confirmed(post),
            // The platform's own name for it, where it can be asked; else the one that it was given.
            Call::Taken(_) if step == PublishStep::Confirm => {
                return confirmed(self.taken(case, calls).await);
            }
            Call::Withheld(why) => return PublishOutcome::Withheld { why, sure: !in_doubt },
            Call::NoEffect(error, rest) => {
                asked = rest;
                error
            }
            Call::Taken(error) | Call::Refused(error) | Call::Unclear(error) => error,
        };
        if step == PublishStep::Look {
            let sight = self.platform.look_up(case, calls).await;
            step = able.after_look(LookAt::AfterCall { attempts_left }, sight.look());
            seen = Some(sight);
        }
        if !attempts_left && matches!(step, PublishStep::AskPerson | PublishStep::GiveUp) {
            error = format!("given up after {attempts} attempts: {error}");
        }
        let base = Duration::from_millis(self.config.rest_base_ms);
        let max = Duration::from_millis(self.config.rest_max_ms);
        let rest = rest_after(attempts, base, max, asked);
        match seen {
            Some(seen) => outcome(step, seen, &error, rest),
            None => settled(step, error, rest),
        }
    }

    /// Asked right before the call: whether the gate, through which this post went when it was begun, is still open.
    fn permit(&self, case: &PublishCase, fresh_until: Instant) -> Permit {
        let (store, id, version) = (self.store.clone(), case.task.id, case.task.state_version);
        let ambient = self.ambient.clone();
        Permit::new(move || {
            let (store, ambient) = (store.clone(), ambient.clone());
            async move {
                if Instant::now() < fresh_until {
                    return Ok(());
                }
                match store.publish_stands(id, version, ambient.now()).await {
                    Ok(true) => Ok(()),
                    Ok(false) => {
                        Err("its campaign was paused or edited or fell quiet, or its lease lapsed, while it waited"
                            .to_owned())
                    }
                    Err(error) => Err(format!("nobody could say whether it may go out: {}", error_chain(&error))),
                }
            }
        })
    }

    /// The post whose id is taken.
    async fn taken(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> Post {
        if self.platform.can_be_asked()
            && let Sight::Out(post) = self.platform.look_up(case, calls).await
        {
            return post;
        }
        Post { external_id: case.publication.idempotency_key.clone(), url: None }
    }
}

/// What came before this call.
fn earlier(case: &PublishCase) -> String {
    // This ledger knows of no other call, so the doubt comes from a restore.
    if case.publication.attempts <= 1 {
        return "it may have gone out between a backup and its restore".to_owned();
    }
    "an earlier call was cut off".to_owned()
}

fn confirmed(Post { external_id, url }: Post) -> PublishOutcome {
    PublishOutcome::Confirmed { external_id, url }
}

/// What is written down after a look about a call that nobody heard the end of.
fn outcome(step: PublishStep, seen: Sight, unclear: &str, rest: Duration) -> PublishOutcome {
    let error = match seen {
        Sight::Out(post) => return confirmed(post),
        Sight::NotThere if step == PublishStep::AskPerson => {
            format!("{unclear}; the platform does not show the post, but may yet, and would take it twice")
        }
        Sight::NotThere => unclear.to_owned(),
        Sight::CantTell(error) => format!("{unclear}; {error}"),
    };
    settled(step, error, rest)
}

/// What is written down about a post that nobody has seen.
fn settled(step: PublishStep, error: String, rest: Duration) -> PublishOutcome {
    match step {
        PublishStep::TryAgain { sure } => PublishOutcome::Absent { error, sure, rest },
        PublishStep::GiveUp => PublishOutcome::Refused { error },
        // The others do not come here; but if one did, a person should look.
        PublishStep::AskPerson | PublishStep::Look | PublishStep::Call | PublishStep::Confirm => {
            PublishOutcome::Unknown { error }
        }
    }
}
