//! Random histories: whatever workers, judges, publishers, people, the sweeper and operators do, in whatever order and
//! with whatever they still hold from before, the protocol's promises hold after each step; and once the mishaps stop,
//! everything reaches an end, though the queues have lost every message.
//!
//! There are no queues here. Everyone is given every id at every turn, which is what queues that repeat and come late can do
//! at their worst; and at the end nobody is given any but by the sweeper, which is what queues that lose everything do. A
//! process that crashes is one that is never heard of again.
//!
//! `CHIMERA_HISTORIES` says how many histories are tried, `CHIMERA_HISTORIES_SEED` which. A history that fails is cut down
//! to the shortest that still does, and printed. [`flaws`] shows that the promises can be seen to break.

mod acts;
mod check;
mod finish;
mod flaws;
mod story;

use std::sync::Mutex;

use chimera_domain::CampaignStatus;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::runtime::Handle;

use crate::world::World;
use check::Reached;
use flaws::Flaw;
pub(crate) use flaws::no_seeded_flaw_goes_unseen;
use story::Story;

/// Which of several things; taken modulo their number.
type Pick = u8;

/// One thing that someone does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Plans a story: words, a picture and a post, and perhaps a reply to the post.
    Plan { reply: bool },
    /// Takes everything that is READY; `briefly` under a lease that lapses at once.
    Claim { worker: bool, briefly: bool },
    /// A worker's heartbeat for something it holds, or held.
    Beat(Pick),
    /// A worker hands in what it holds, or held.
    Submit(Pick),
    /// A worker gives back what it holds, or held.
    GiveBack { pick: Pick, exhausted: bool },
    /// A judge reads everything in review.
    Review,
    /// A judge rules on something that it has read, perhaps long ago.
    Rule { pick: Pick, verdict: Pick },
    /// The judges look after posts whose persona has changed.
    Renew,
    /// A person answers a question, perhaps one that is answered already.
    Answer { pick: Pick, yes: bool },
    /// A publisher begins with everything that is APPROVED, and calls; `lands` says whether the post gets out.
    Begin { briefly: bool, lands: bool },
    /// Another publisher takes over what was left behind.
    TakeOver,
    /// A publisher writes down what came of a call.
    Settle { pick: Pick, how: Pick },
    /// The sweeper; `later` lets everything wait long enough before.
    Sweep { later: bool },
    /// The operator pauses, resumes or ends the campaign.
    Set(CampaignStatus),
    /// The operator edits the campaign's brief.
    EditBrief,
    /// The operator edits the persona; `back` to what it was at first.
    EditPersona { back: bool },
    /// The operator retries something.
    Retry(Pick),
}

/// One step of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    One(Act),
    /// At the same moment.
    Both(Act, Act),
}

fn act() -> impl Strategy<Value = Act> {
    use Act as A;
    prop_oneof![
        3 => any::<bool>().prop_map(|reply| A::Plan { reply }),
        6 => (any::<bool>(), prop::bool::weighted(0.3)).prop_map(|(worker, briefly)| A::Claim { worker, briefly }),
        1 => any::<Pick>().prop_map(A::Beat),
        7 => any::<Pick>().prop_map(A::Submit),
        2 => (any::<Pick>(), prop::bool::weighted(0.7)).prop_map(|(pick, exhausted)| A::GiveBack { pick, exhausted }),
        5 => Just(A::Review),
        8 => (any::<Pick>(), any::<Pick>()).prop_map(|(pick, verdict)| A::Rule { pick, verdict }),
        1 => Just(A::Renew),
        3 => (any::<Pick>(), prop::bool::weighted(0.7)).prop_map(|(pick, yes)| A::Answer { pick, yes }),
        4 => (prop::bool::weighted(0.3), any::<bool>()).prop_map(|(briefly, lands)| A::Begin { briefly, lands }),
        2 => Just(A::TakeOver),
        5 => (any::<Pick>(), any::<Pick>()).prop_map(|(pick, how)| A::Settle { pick, how }),
        3 => any::<bool>().prop_map(|later| A::Sweep { later }),
        2 => prop_oneof![
            4 => Just(CampaignStatus::Paused),
            6 => Just(CampaignStatus::Active),
            1 => Just(CampaignStatus::Ended),
        ]
        .prop_map(A::Set),
        1 => Just(A::EditBrief),
        1 => any::<bool>().prop_map(|back| A::EditPersona { back }),
        5 => any::<Pick>().prop_map(A::Retry),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => act().prop_map(Step::One),
        1 => (act(), act()).prop_map(|(one, other)| Step::Both(one, other)),
    ]
}

/// A history: whether the platform honours keys, and what happens.
type History = (bool, Vec<Step>);

fn histories() -> impl Strategy<Value = History> {
    (any::<bool>(), prop::collection::vec(step(), 10..50))
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub(crate) async fn no_history_breaks_a_promise(world: World) {
    let seed = setting("CHIMERA_HISTORIES_SEED", 20_261_122);
    let cases = u32::try_from(setting("CHIMERA_HISTORIES", 16)).unwrap();
    println!("{cases} histories, CHIMERA_HISTORIES_SEED={seed}");
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 256, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let handle = Handle::current();
    let reached = Mutex::new(Reached::default());
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&histories(), |(keys, steps)| {
            // To begin with, so that most histories get somewhere.
            let beginning = [Act::Plan { reply: false }, Act::Claim { worker: false, briefly: false }].map(Step::One);
            let told = handle.block_on(play(&world, &(keys, [&beginning, &steps[..]].concat()), None));
            reached.lock().unwrap().add(&told);
            Ok(())
        })
    });
    if let Err(broken) = outcome {
        panic!("{broken}\nCHIMERA_HISTORIES_SEED={seed}");
    }
    let reached = reached.into_inner().unwrap();
    println!("{reached:?}");
    reached.assert_something_happened();
    let report = world.store.audit_verify(&[]).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
}

/// Plays a history to its end.
async fn play(world: &World, (keys, steps): &History, flaw: Option<Flaw>) -> Reached {
    let mut story = Story::begin(world, *keys, flaw).await;
    for step in steps {
        match *step {
            Step::One(act) => story.act(act).await,
            Step::Both(one, other) => {
                tokio::join!(story.act(one), story.act(other));
            }
        }
        story.check(step).await;
    }
    story.finish().await
}
