//! The Gemini mind against a fake of the API, over real HTTP; the offline mind measured on real headlines, which are
//! read from `../shared/data` and never copied.

mod fake;
mod gemini_answers;
mod gemini_failures;
mod headlines;
mod relevance_figures;
mod topic_figures;
