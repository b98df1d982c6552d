//! The Gemini mind against a fake of the API, over real HTTP; the offline mind measured on real headlines, which are
//! read from `../shared/data` and never copied.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may end the test, and its figures are for reading"
)]

mod fake;
mod gemini_answers;
mod gemini_failures;
mod headlines;
mod relevance_figures;
mod topic_figures;
