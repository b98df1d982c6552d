//! Minds behind vendors' APIs against stand-ins of these, over real HTTP; the offline mind measured on real headlines, which are
//! read from `../shared/data` and never copied.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may end the test, and its figures are for reading"
)]

mod answers;
mod failures;
mod faults;
mod headlines;
mod injection_figures;
mod local;
mod relevance_figures;
mod sdk;
mod stand_in;
mod story_figures;
mod topic_figures;
