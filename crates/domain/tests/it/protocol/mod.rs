//! A model of how a story becomes a post, with everything that may go wrong in between.
//!
//! # What it is a model of
//!
//! One story, one DAG of two tasks (words, and the post that needs them), and the processes that work on them. Each
//! action is one transaction, one call, or one mishap, because nothing between two of these can be seen from outside.
//! Tasks move by [`TaskState::on`](chimera_domain::TaskState::on), the function that the store uses, and by nothing else;
//! what follows from a call or a look, and how a dead letter comes back, is asked of the policies that the publisher and the
//! store ask ([`PlatformAbilities`](chimera_domain::policy::PlatformAbilities), [`WayBack`](chimera_domain::policy::WayBack)).
//!
//! | in the model | in the code |
//! |---|---|
//! | `world::World::tasks`, `Task::lapsed` | table `tasks`; `lease_expires_ms` has passed on the database's clock |
//! | `Fence::Current`, `Fence::Stale` | whether the `state_version` that a process holds is still the row's |
//! | `world::World::ledger` | table `publications`, an entry for each artifact |
//! | `queues` | `bus`: sets of ids; a delivery may repeat, wait for ever or be lost |
//! | `planning` | `planner`; `store::plan_commit` |
//! | `working` | `worker::{Pool, Submitter}`; `task_claim`, `task_submit`, `task_release`, `task_heartbeat` |
//! | `judging` | `judge::Judge`; `review_cases`, `task_decide`, `graph::{unlock, cancel_dependents}` |
//! | `publishing` | `worker::Publisher`; `publish_begin`, `publish_stale`, `publish_settle` |
//! | `sweeping` | `worker::Sweeper`; `sweep`; and time, which lets leases lapse |
//! | `people` | `judge::Desk`, `ticket_resolve`; pause, resume and end of a campaign; `task_retry_failed` |
//! | `platform` | whatever is behind the roles `publish_post` and `find_post` |
//!
//! # What is left out, and why nothing is lost by it
//!
//! - *Version numbers.* They only grow, so a holder's number fits until the row is next written and never again: one bit.
//! - *A crash between a commit and the send after it* is a message that gets lost; *a slow send* is one that waits.
//! - *A commit whose acknowledgement is lost* is tried again and fenced, or given up: the same as a crash right after it.
//! - *Names of processes.* Nothing is decided by a name, so worlds that differ by who is who are explored once.
//! - *Batches.* Each row of a batch is decided by itself; the store's own tests cover that they commit together.
//! - *Planning anew after a rejection* inserts another DAG like this one.
//! - *What a judge sets aside* saves the mind's price and decides nothing: here any number of judges weigh the same.
//! - *Rests and back-off* only choose a moment, and here every moment is tried.
//!
//! # What is assumed
//!
//! - A person who is asked whether a post is out looks after every call has ended, and says what is so.
//!   (`Flaw::HastyPeople` shows that this is needed: on a platform that takes repeats,
//!   no protocol helps against a call that arrives after a person saw nothing.)
//! - A platform that honours keys honours them for ever, and so does one where clients choose ids.
//!
//! # Bounds
//!
//! See [`Bounds`], and `proofs` for those that are explored: the number of processes, two attempts at each thing, one retry
//! by an operator. Mishaps are not counted: any number of crashes, lapses, losses, repeats, pauses.

mod convergence;
mod counterexamples;
mod flaws;
mod judging;
mod model;
mod people;
mod planning;
mod platform;
mod proofs;
mod properties;
mod publishing;
mod queues;
mod sweeping;
mod working;
mod world;

use chimera_domain::policy::PlatformAbilities as Abilities;
use flaws::{Flaw, Flaws};
use model::{Action, Bounds, Protocol};
use platform::{PLATFORMS, able, named};
use queues::{Queue, Queues};
use world::{Fence, Node, World};
