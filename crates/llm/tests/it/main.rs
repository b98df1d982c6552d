//! The offline mind measured on real headlines, which are read from `../shared/data` and never copied.

mod headlines;
mod relevance_figures;
