//! Counters inside one process. They are lost with it, and started from the ledger like any others.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chimera_domain::{
    AgentId, Closed, EntryState, ReservationId, Reserved, SpendEntry, SpendRequest, SpendUse, SpendWindows,
    StateVersion, Usd,
};
use chrono::{DateTime, Utc};

use super::{
    Spend, SpendError,
    window::{DAYS_REMEMBERED, amount, sums},
};

/// Counters inside one process.
#[derive(Debug, Default)]
pub struct InProcessSpend {
    purses: Mutex<HashMap<AgentId, Purse>>,
}

impl InProcessSpend {
    /// Counters of nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<AgentId, Purse>) -> T) -> T {
        // Nothing below panics between two writes.
        act(&mut self.purses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_purse<T>(&self, agent_id: AgentId, act: impl FnOnce(&mut Purse) -> T) -> Result<T, SpendError> {
        self.with(|purses| purses.get_mut(&agent_id).map(act)).ok_or(SpendError::NotStarted { agent_id })
    }
}

/// One agent's counters.
#[derive(Debug)]
struct Purse {
    day: Counter,
    hour: Counter,
    reservations: HashMap<ReservationId, Held>,
}

/// What counts in one window.
#[derive(Debug, Clone, Copy)]
struct Counter {
    window: i64,
    used: Usd,
}

impl Counter {
    /// The counter in this window, or in the later one that has begun.
    const fn rolled(self, window: i64) -> Self {
        if self.window < window { Self { window, used: Usd::ZERO } } else { self }
    }

    fn change(&mut self, back: Usd, forth: Usd) {
        self.used = self.used.saturating_sub(back).saturating_add(forth).max(Usd::ZERO);
    }
}

#[derive(Debug, Clone, Copy)]
struct Held {
    state: EntryState,
    amount: Usd,
    windows: SpendWindows,
    /// That of the ledger's entry; none when the ledger has not been heard.
    version: Option<StateVersion>,
}

impl Held {
    /// As the ledger has it.
    const fn of(entry: &SpendEntry) -> Self {
        let windows = SpendWindows::at(entry.reserved_at);
        Self { state: entry.state, amount: entry.counted(), windows, version: Some(entry.version) }
    }
}

impl Purse {
    /// What is remembered too long is forgotten whenever a day begins.
    fn turn_to(&mut self, day: Counter, hour: Counter) {
        if day.window != self.day.window {
            let oldest = day.window - DAYS_REMEMBERED;
            self.reservations.retain(|_, held| held.windows.day >= oldest);
        }
        (self.day, self.hour) = (day, hour);
    }

    fn follow(&mut self, entry: &SpendEntry) {
        let new = Held::of(entry);
        let known = self.reservations.get(&entry.reservation).copied();
        if known.is_some_and(|known| known.version >= new.version) {
            return;
        }
        if let Some(known) = known {
            self.add(known.windows, known.amount, Usd::ZERO);
        }
        self.turn_to(self.day.rolled(new.windows.day), self.hour.rolled(new.windows.hour));
        self.add(new.windows, Usd::ZERO, new.amount);
        self.reservations.insert(entry.reservation.clone(), new);
    }

    /// Changes the counters of these windows, as far as they still run.
    fn add(&mut self, windows: SpendWindows, back: Usd, forth: Usd) {
        if self.day.window == windows.day {
            self.day.change(back, forth);
        }
        if self.hour.window == windows.hour {
            self.hour.change(back, forth);
        }
    }

    fn reserve(&mut self, request: &SpendRequest, amount: Usd) -> Reserved {
        match self.reservations.get(&request.reservation).map(|held| held.state) {
            Some(state) if state.is_closed() => return Reserved::Closed,
            Some(_) => return Reserved::Granted,
            None => {}
        }
        let now = SpendWindows::at(request.at);
        let (day, hour) = (self.day.rolled(now.day), self.hour.rolled(now.hour));
        let used = SpendUse { today: day.used, this_hour: hour.used };
        if let Some((cap, left)) = request.caps.refusal(used, amount) {
            return Reserved::Refused { cap, left };
        }
        self.turn_to(day, hour);
        let windows = SpendWindows { day: day.window, hour: hour.window };
        self.add(windows, Usd::ZERO, amount);
        let held = Held { state: EntryState::Open, amount, windows, version: None };
        self.reservations.insert(request.reservation.clone(), held);
        Reserved::Granted
    }

    fn close(&mut self, id: &ReservationId, state: EntryState, cost: Usd, at: DateTime<Utc>) -> Closed {
        let (windows, version) = match self.reservations.get(id) {
            Some(Held { state: EntryState::Settled, .. }) => return Closed::AlreadySettled,
            Some(Held { state: EntryState::Released, .. }) => return Closed::AlreadyReleased,
            Some(&Held { state: EntryState::Open | EntryState::Presumed, amount, windows, version }) => {
                self.add(windows, amount, cost);
                (windows, version)
            }
            // Never heard of, but the money is gone: it counts now.
            None => {
                let now = SpendWindows::at(at);
                self.turn_to(self.day.rolled(now.day), self.hour.rolled(now.hour));
                let windows = SpendWindows { day: self.day.window, hour: self.hour.window };
                self.add(windows, Usd::ZERO, cost);
                (windows, None)
            }
        };
        self.reservations.insert(id.clone(), Held { state, amount: cost, windows, version });
        Closed::Now
    }
}

#[async_trait]
impl Spend for InProcessSpend {
    async fn start(&self, agent: AgentId, entries: &[SpendEntry], at: DateTime<Utc>) -> Result<bool, SpendError> {
        let sums = sums(entries, at)?;
        Ok(self.with(|purses| {
            if purses.contains_key(&agent) {
                return false;
            }
            let day = Counter { window: sums.windows.day, used: sums.today };
            let hour = Counter { window: sums.windows.hour, used: sums.this_hour };
            let reservations = entries.iter().map(|entry| (entry.reservation.clone(), Held::of(entry))).collect();
            purses.insert(agent, Purse { day, hour, reservations });
            true
        }))
    }

    async fn forget(&self, agent: AgentId) -> Result<(), SpendError> {
        self.with(|purses| purses.remove(&agent));
        Ok(())
    }

    async fn follow(&self, agent: AgentId, entries: &[SpendEntry]) -> Result<(), SpendError> {
        for entry in entries {
            amount(entry.counted())?;
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.with_purse(agent, |purse| entries.iter().for_each(|entry| purse.follow(entry)))
    }

    async fn reserve(&self, request: &SpendRequest) -> Result<Reserved, SpendError> {
        let amount = amount(request.amount)?;
        self.with_purse(request.agent_id, |purse| purse.reserve(request, amount))
    }

    async fn settle(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        cost: Usd,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError> {
        let cost = amount(cost)?;
        self.with_purse(agent, |purse| purse.close(reservation, EntryState::Settled, cost, at))
    }

    async fn release(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError> {
        self.with_purse(agent, |purse| purse.close(reservation, EntryState::Released, Usd::ZERO, at))
    }

    async fn used(&self, agent: AgentId, at: DateTime<Utc>) -> Result<SpendUse, SpendError> {
        let now = SpendWindows::at(at);
        self.with_purse(agent, |purse| SpendUse {
            today: purse.day.rolled(now.day).used,
            this_hour: purse.hour.rolled(now.hour).used,
        })
    }
}
