//! The proofs can fail: for each mistake the checker finds the property that it breaks, and how.

use stateright::{Checker as _, HasDiscoveries, Model as _};

use super::{
    Abilities, Action, Bounds, Flaw, Flaws, PLATFORMS, Protocol, able,
    convergence::{Stuck, converge},
    named,
    proofs::{ABLE, FEW},
    properties as p,
};

const LOOK_UP_ONLY: Abilities = able(false, false, true);
const CHOSEN_IDS: Abilities = able(false, true, false);

/// More steps than any of these mistakes needs.
const DEPTH_MAX: usize = 60;

/// The shortest way to break `property`.
fn found(flaw: Flaw, bounds: Bounds, platform: Abilities, property: &'static str) -> Vec<Action> {
    let protocol = Protocol { bounds, platform, flaws: Flaws::only(flaw) };
    // Each round looks one step further: the checker's first find need not be its shortest.
    let path = (1..DEPTH_MAX).find_map(|depth| {
        let until = HasDiscoveries::AnyOf([property].into());
        let checker = protocol.checker().target_max_depth(depth).finish_when(until).spawn_bfs().join();
        checker.discovery(property)
    });
    let path = path.unwrap_or_else(|| panic!("{flaw:?} is not seen to break: {property}"));
    let actions = path.into_actions();
    let platform = named(platform);
    println!("{flaw:?} on {platform} breaks \"{property}\" in {} steps:", actions.len());
    for action in &actions {
        println!("    {action:?}");
    }
    actions
}

#[test]
fn planning_without_its_checks() {
    found(Flaw::PlansUnchecked, Bounds { planners: 2, ..FEW }, ABLE, p::PLANNED_ONCE);
    found(Flaw::GovernorAskedEarly, Bounds { planners: 2, two_stories: true, ..FEW }, ABLE, p::NO_OVERDRAFT);
}

#[test]
fn working_and_judging_without_fences() {
    found(Flaw::UnfencedSubmit, Bounds { workers: 2, ..FEW }, ABLE, p::FENCED);
    found(Flaw::UnfencedRuling, Bounds { judges: 2, ..FEW }, ABLE, p::FENCED);
}

#[test]
fn publishing_without_its_order() {
    let two = Bounds { publishers: 2, ..FEW };
    found(Flaw::UnfencedSettle, two, ABLE, p::FENCED);
    found(Flaw::CallBeforeCommit, FEW, LOOK_UP_ONLY, p::POSTED_ONCE);
    found(Flaw::CallBeforeCommit, FEW, ABLE, p::LICENSED);
    found(Flaw::IgnorePause, FEW, ABLE, p::LICENSED);
    found(Flaw::CallAfterTakeover, two, ABLE, p::LICENSED);
}

#[test]
fn unknown_outcomes_taken_for_known_ones() {
    found(Flaw::RetryBlindly, FEW, LOOK_UP_ONLY, p::POSTED_ONCE);
    found(Flaw::TrustAbsence, FEW, LOOK_UP_ONLY, p::POSTED_ONCE);
    found(Flaw::KeyPerAttempt, FEW, ABLE, p::POSTED_ONCE);
    found(Flaw::KeyPerAttempt, FEW, CHOSEN_IDS, p::POSTED_ONCE);
    found(Flaw::GiveUpInDoubt, FEW, ABLE, p::ON_RECORD);
}

#[test]
fn what_is_assumed_of_people_is_needed() {
    found(Flaw::HastyPeople, FEW, LOOK_UP_ONLY, p::POSTED_ONCE);
}

#[test]
fn hasty_people_do_no_harm_where_keys_are_honoured() {
    for platform in PLATFORMS.into_iter().filter(|platform| platform.keeps_posts_single()) {
        let protocol =
            Protocol { bounds: Bounds { publishers: 2, ..FEW }, platform, flaws: Flaws::only(Flaw::HastyPeople) };
        protocol.checker().threads(2).spawn_bfs().join().assert_no_discovery(p::POSTED_ONCE);
    }
}

#[test]
fn what_waited_for_a_dead_letter_is_forgotten() {
    found(Flaw::ForgetRevived, Bounds { retries: 1, ..FEW }, ABLE, p::REVIVED);
}

#[test]
fn what_nobody_brings_back_is_lost() {
    for flaw in [Flaw::ForgetReady, Flaw::ForgetExecuting, Flaw::ForgetPublishing, Flaw::ForgetDependents] {
        let protocol = Protocol { bounds: FEW, platform: ABLE, flaws: Flaws::only(flaw) };
        let stuck = converge(&protocol);
        println!("{flaw:?}: {stuck:?}");
        assert!(matches!(stuck, Err(Stuck::Halted(_))), "{flaw:?} is not seen to lose a task");
    }
}
