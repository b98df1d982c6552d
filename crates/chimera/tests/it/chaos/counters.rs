//! The spend counters in Redis against the ledger in the database, to the millionth of a dollar. Both are read past the
//! product.

use super::world::World;

/// A kind of counter: its name, its key's, and how many seconds its windows have.
const KINDS: [(&str, &str, u32); 2] = [("day", "daily_spend", 86_400), ("hour", "hourly_spend", 3_600)];

/// One counter of one agent.
pub(super) struct Counter {
    agent: String,
    kind: &'static str,
    pub(super) key: String,
    /// The window that it counts, and what.
    pub(super) says: Option<(i64, i64)>,
    /// What the ledger counts in the same window.
    ledger: i64,
    /// The last window in which the ledger has an entry.
    pub(super) last: i64,
    /// The window of this moment.
    now: i64,
}

/// Each agent's counters.
pub(super) fn counters(world: &World) -> Vec<Counter> {
    let mut counters = vec![];
    for agent in world.rows("SELECT id, persona_slug FROM agents ORDER BY 2") {
        for (kind, name, seconds) in KINDS {
            let key = format!("chimera:{name}:{{{}}}", agent[0]);
            let fields = world.redis.hash(&key).unwrap();
            let field = |name: &str| fields.get(name).map(|text| text.parse::<i64>().unwrap());
            let says = field("window").zip(field("micros"));
            let window = format!("floor(extract(epoch FROM reserved_at) / {seconds})");
            let counted = says.map_or(-1, |(window, _)| window);
            let row = world.rows(&format!(
                "SELECT coalesce(sum(counted_micros) FILTER (WHERE {window} = {counted}), 0), \
                 coalesce(max({window}), -1)::bigint, floor(extract(epoch FROM now()) / {seconds})::bigint FROM spend_ledger WHERE agent_id = '{}'",
                agent[0]
            ));
            let number = |index: usize| row[0][index].parse().unwrap();
            counters.push(Counter {
                agent: agent[1].clone(),
                kind,
                key,
                says,
                ledger: number(0),
                last: number(1),
                now: number(2),
            });
        }
    }
    counters
}

/// What counters and ledger say differently.
pub(super) fn disagreements(world: &World) -> Vec<String> {
    counters(world).iter().filter_map(Counter::disagreement).collect()
}

impl Counter {
    fn disagreement(&self) -> Option<String> {
        let Self { agent, kind, ledger, last, now, .. } = self;
        match self.says {
            // Nobody has spent in this window, and nobody counts.
            None if last < now => None,
            None => Some(format!("nothing counts {agent}'s {kind}, and the ledger has entries")),
            Some((window, _)) if window < *last => {
                Some(format!("the counter of {agent}'s {kind} stands at {window}, and the ledger at {last}"))
            }
            Some((_, micros)) if micros == *ledger => None,
            Some((_, micros)) => {
                Some(format!("the counter of {agent}'s {kind} says {micros} micro-dollars, and the ledger {ledger}"))
            }
        }
    }

    /// Whether anything counts.
    pub(super) fn is_moved(&self) -> bool {
        self.says.is_some_and(|(_, micros)| micros > 0)
    }
}
