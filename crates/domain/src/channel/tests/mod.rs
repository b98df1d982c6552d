//! Counting, cutting, and what is refused; and that `docs/channels.md` is what the rules say.

mod count;
mod posts;
mod table;
