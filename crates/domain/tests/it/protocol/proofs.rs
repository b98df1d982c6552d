//! The proofs: everything that can be reached is visited, and nothing is found.

use std::time::Instant;

use stateright::{Checker as _, Model as _};

use super::{Abilities, Bounds, Flaws, PLATFORMS, Protocol, able, convergence::converge, named};

/// One process of each role.
pub(super) const FEW: Bounds = Bounds {
    planners: 1,
    two_stories: false,
    workers: 1,
    judges: 1,
    publishers: 1,
    retries: 0,
    pauses: true,
    ends: false,
    late_messages: false,
};

/// The platform that can do everything, and ours.
pub(super) const ABLE: Abilities = able(true, false, true);

/// Visits every state, says how many there are, and finds nothing wrong.
fn prove(what: &str, bounds: Bounds, platform: Abilities) {
    let protocol = Protocol { bounds, platform, flaws: Flaws::none() };
    let start = Instant::now();
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    assert!(checker.is_done());
    println!("{bounds:?}");
    println!(
        "{what}, {}: {} states, {} steps, depth {}, {} ms",
        named(platform),
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_millis()
    );
    checker.assert_properties();
}

#[test]
fn two_of_each_who_work_and_publish_on_every_platform() {
    for platform in PLATFORMS {
        prove("2 workers, 2 publishers", Bounds { workers: 2, publishers: 2, ..FEW }, platform);
    }
}

#[test]
fn dead_letters_retried_and_campaigns_ended_on_every_platform() {
    for platform in PLATFORMS {
        prove("2 publishers, a retry, an end", Bounds { publishers: 2, retries: 1, ends: true, ..FEW }, platform);
    }
}

#[test]
fn two_judges_and_a_retry() {
    prove("2 workers, 2 judges, a retry", Bounds { workers: 2, judges: 2, retries: 1, ..FEW }, ABLE);
}

#[test]
fn two_planners_of_one_story_and_of_two_for_one_place() {
    prove("2 planners, 1 story", Bounds { planners: 2, workers: 2, ..FEW }, ABLE);
    prove("2 planners, 2 stories, 1 place", Bounds { planners: 2, two_stories: true, workers: 2, ..FEW }, ABLE);
}

#[test]
fn two_workers_two_judges_and_two_publishers() {
    let bounds = Bounds { workers: 2, judges: 2, publishers: 2, ..FEW };
    prove("2 workers, 2 judges, 2 publishers", bounds, ABLE);
}

#[test]
fn messages_that_outlive_their_moment_change_nothing() {
    for platform in [ABLE, able(false, true, false), able(false, false, true)] {
        prove("messages late and repeated", Bounds { late_messages: true, ..FEW }, platform);
    }
}

#[test]
fn every_task_reaches_an_end_once_mishaps_stop() {
    let working = Bounds { workers: 2, publishers: 2, ..FEW };
    let retrying = Bounds { retries: 1, ..FEW };
    let ending = Bounds { planners: 2, judges: 2, ends: true, ..FEW };
    let competing = Bounds { planners: 2, two_stories: true, ..FEW };
    let late = Bounds { late_messages: true, ..FEW };
    let all = [working, retrying, ending, competing, late];
    for platform in PLATFORMS {
        let bounds = if platform == ABLE { all.as_slice() } else { &all[..3] };
        for &bounds in bounds {
            let start = Instant::now();
            let protocol = Protocol { bounds, platform, flaws: Flaws::none() };
            let states = converge(&protocol).unwrap_or_else(|stuck| panic!("{}: {stuck:#?}", named(platform)));
            let platform = named(platform);
            println!("converges, {platform}: from {states} states, {} ms", start.elapsed().as_millis());
        }
    }
}
