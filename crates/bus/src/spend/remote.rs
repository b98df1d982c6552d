//! Counters in Redis, shared by many processes: one script for each act.

use async_trait::async_trait;
use chimera_domain::{
    AgentId, Closed, EntryState, ReservationId, Reserved, SpendCap, SpendEntry, SpendRequest, SpendUse, SpendWindows,
    Usd,
};
use chrono::{DateTime, Utc};
use redis::{RedisError, Script, ScriptInvocation};

use super::{
    Spend, SpendError, keys,
    window::{REMEMBERED, amount, cap, sums},
};
use crate::RedisLink;

/// Entries in one call of a script: Redis does nothing else meanwhile.
const FOLLOWED_AT_ONCE: usize = 500;

/// Counters in Redis 7.0 or newer.
#[derive(Debug)]
pub struct RedisSpend {
    link: RedisLink,
    start: Script,
    follow: Script,
    reserve: Script,
    close: Script,
}

/// A script's answer that no script gives.
#[derive(Debug, thiserror::Error)]
#[error("the counter's script answered {answer:?}; something else writes to its keys")]
struct OddAnswer {
    answer: String,
}

impl RedisSpend {
    /// Counters below the link's prefix.
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self {
            link,
            start: Script::new(include_str!("start.lua")),
            follow: Script::new(include_str!("follow.lua")),
            reserve: Script::new(include_str!("reserve.lua")),
            close: Script::new(include_str!("close.lua")),
        }
    }

    fn on<'a>(&self, script: &'a Script, agent: AgentId) -> ScriptInvocation<'a> {
        let mut invocation = script.key(keys::daily(self.link.prefix(), agent));
        invocation.key(keys::hourly(self.link.prefix(), agent));
        invocation
    }

    /// Adds an entry to what a script is given.
    fn add(&self, ask: &mut ScriptInvocation<'_>, agent: AgentId, entry: &SpendEntry) -> Result<(), SpendError> {
        let began = SpendWindows::at(entry.reserved_at);
        ask.key(keys::reservation(self.link.prefix(), agent, &entry.reservation))
            .arg(name(entry.state))
            .arg(amount(entry.counted())?.micros())
            .arg(began.day)
            .arg(began.hour)
            .arg(entry.version.get());
        Ok(())
    }

    async fn close(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        state: EntryState,
        cost: Usd,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError> {
        let now = SpendWindows::at(at);
        let mut ask = self.on(&self.close, agent);
        ask.key(keys::reservation(self.link.prefix(), agent, reservation))
            .arg(now.day)
            .arg(now.hour)
            .arg(cost.micros())
            .arg(name(state))
            .arg(remembered());
        let answer: String = self.link.script(&ask).await.map_err(unavailable)?;
        match answer.as_str() {
            "now" => Ok(Closed::Now),
            "settled" => Ok(Closed::AlreadySettled),
            "released" => Ok(Closed::AlreadyReleased),
            "not_started" => Err(SpendError::NotStarted { agent_id: agent }),
            _ => Err(odd(answer)),
        }
    }
}

#[async_trait]
impl Spend for RedisSpend {
    async fn start(&self, agent: AgentId, entries: &[SpendEntry], at: DateTime<Utc>) -> Result<bool, SpendError> {
        let sums = sums(entries, at)?;
        let mut ask = self.on(&self.start, agent);
        ask.arg(sums.windows.day).arg(sums.windows.hour).arg(sums.today.micros()).arg(sums.this_hour.micros());
        ask.arg(remembered());
        for entry in entries {
            self.add(&mut ask, agent, entry)?;
        }
        self.link.script(&ask).await.map_err(unavailable)
    }

    async fn forget(&self, agent: AgentId) -> Result<(), SpendError> {
        let mut ask = redis::pipe();
        // In one command, so that the hour is never without its day. Reservations stay until they expire; they are of a run
        // that is over.
        ask.cmd("DEL")
            .arg(keys::daily(self.link.prefix(), agent))
            .arg(keys::hourly(self.link.prefix(), agent))
            .ignore();
        self.link.pipeline(&ask).await.map_err(unavailable)
    }

    async fn follow(&self, agent: AgentId, entries: &[SpendEntry]) -> Result<(), SpendError> {
        for chunk in entries.chunks(FOLLOWED_AT_ONCE) {
            let mut ask = self.on(&self.follow, agent);
            ask.arg(remembered());
            for entry in chunk {
                self.add(&mut ask, agent, entry)?;
            }
            if !self.link.script::<bool>(&ask).await.map_err(unavailable)? {
                return Err(SpendError::NotStarted { agent_id: agent });
            }
        }
        Ok(())
    }

    async fn reserve(&self, request: &SpendRequest) -> Result<Reserved, SpendError> {
        let (agent, now) = (request.agent_id, SpendWindows::at(request.at));
        let mut ask = self.on(&self.reserve, agent);
        ask.key(keys::reservation(self.link.prefix(), agent, &request.reservation))
            .arg(now.day)
            .arg(now.hour)
            .arg(amount(request.amount)?.micros())
            .arg(cap(Some(request.caps.daily)).micros())
            .arg(cap(request.caps.hourly).micros())
            .arg(remembered());
        let (answer, left): (String, i64) = self.link.script(&ask).await.map_err(unavailable)?;
        let left = Usd::from_micros(left);
        match answer.as_str() {
            "granted" => Ok(Reserved::Granted),
            "closed" => Ok(Reserved::Closed),
            "daily" => Ok(Reserved::Refused { cap: SpendCap::Daily, left }),
            "hourly" => Ok(Reserved::Refused { cap: SpendCap::Hourly, left }),
            "not_started" => Err(SpendError::NotStarted { agent_id: agent }),
            _ => Err(odd(answer)),
        }
    }

    async fn settle(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        cost: Usd,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError> {
        self.close(agent, reservation, EntryState::Settled, amount(cost)?, at).await
    }

    async fn release(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError> {
        self.close(agent, reservation, EntryState::Released, Usd::ZERO, at).await
    }

    async fn used(&self, agent: AgentId, at: DateTime<Utc>) -> Result<SpendUse, SpendError> {
        let mut ask = redis::pipe();
        for key in [keys::daily(self.link.prefix(), agent), keys::hourly(self.link.prefix(), agent)] {
            ask.cmd("HMGET").arg(key).arg(keys::FIELD_WINDOW).arg(keys::FIELD_MICROS);
        }
        // One transaction, or a reservation might come between the two.
        ask.atomic();
        type Counter = (Option<i64>, Option<i64>);
        let (day, hour): (Counter, Counter) = self.link.pipeline(&ask).await.map_err(unavailable)?;
        if day.0.is_none() {
            return Err(SpendError::NotStarted { agent_id: agent });
        }
        let now = SpendWindows::at(at);
        let used = |counter: Counter, window: i64| match counter {
            (Some(began), Some(micros)) if began >= window => Usd::from_micros(micros),
            _ => Usd::ZERO,
        };
        Ok(SpendUse { today: used(day, now.day), this_hour: used(hour, now.hour) })
    }
}

const fn name(state: EntryState) -> &'static str {
    match state {
        // Nobody knows its end yet.
        EntryState::Open | EntryState::Presumed => "open",
        EntryState::Settled => "settled",
        EntryState::Released => "released",
    }
}

const fn remembered() -> u64 {
    REMEMBERED.as_secs() * 1_000
}

fn unavailable(error: RedisError) -> SpendError {
    SpendError::Unavailable { source: error.into() }
}

fn odd(answer: String) -> SpendError {
    SpendError::Unavailable { source: OddAnswer { answer }.into() }
}
