//! A reckoning that finds nothing proves little until it is seen to find something: the end of a good run is doctored, and
//! each kind of finding must turn up.

use super::{
    audit::audit,
    counters::{counters, disagreements},
    feed::Feeds,
    reviewer::Answers,
    world::World,
};

/// What is done to the database.
const DOCTORED: [&str; 4] = [
    // An item whose row is gone.
    "UPDATE trend_signals SET item = jsonb_set(item, '{id}', '\"nobody\"') \
     WHERE id = (SELECT id FROM trend_signals WHERE outcome = 'BELOW_THRESHOLD' LIMIT 1)",
    // A post that the ledger knows nothing of.
    "UPDATE publications SET idempotency_key = 'forged' \
     WHERE id = (SELECT id FROM publications WHERE state = 'CONFIRMED' LIMIT 1)",
    // A task that nobody will ever take up again.
    "UPDATE agent_tasks SET state = 'EXECUTING', lease_expires_ms = 9e15::bigint \
     WHERE id = (SELECT id FROM agent_tasks WHERE state = 'DONE' LIMIT 1)",
    // A cap below what was spent.
    "UPDATE agents SET max_daily_spend_micros = 1",
];

/// Counters that may be off by a millionth of a dollar, or stand still in a window that is over, without being found.
fn blind_to_counters(world: &World) -> Vec<String> {
    let mut blind = vec![];
    for counter in counters(world) {
        let Some((window, micros)) = counter.says else { continue };
        for (field, known, forged) in [("micros", micros, micros + 1), ("window", window, counter.last - 1)] {
            let set = |value: i64| world.redis.set_field(&counter.key, field, &value.to_string()).unwrap();
            set(forged);
            if disagreements(world).len() != 1 {
                blind.push(format!("the reckoning is blind: it does not find {field} {forged} in {}", counter.key));
            }
            set(known);
        }
    }
    blind
}

/// The kinds of findings that the reckoning does not see in a doctored database.
pub(super) fn blind_spots(world: &World, feeds: &Feeds, answers: &Answers) -> Vec<String> {
    let mut blind_spots = blind_to_counters(world);
    for change in DOCTORED {
        world.ask(change);
    }
    let (findings, _) = audit(world, feeds, answers);
    let kinds = [
        ("lost", findings.lost),
        ("doubled", findings.doubled),
        ("stuck", findings.stuck),
        ("overdraft", findings.overdraft),
        ("broken", findings.other),
    ];
    let blind = kinds.into_iter().filter(|(_, found)| found.is_empty());
    blind_spots.extend(
        blind.map(|(kind, _)| format!("the reckoning is blind: it finds nothing {kind} in a doctored database")),
    );
    blind_spots
}
