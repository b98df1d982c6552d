//! What a benchmark measures the fleet against: a bare client that writes the same rows and the same changes of state, in
//! batches, and does nothing else. Its statements are ready before the clock starts: no reading, no deciding, no locks
//! taken ahead, no building of SQL.
//!
//! What a client is given is what a run of the real roles left behind, so rows are the same to the byte.

mod bare;
mod left;
mod memory;
mod replay;
mod scratch;
mod signals;
mod tickets;
mod times;

pub use bare::BareFigures;
pub use left::PublishedRows;
pub use memory::{MemoryDisk, bare_nearest};
pub use replay::RawFigures;
pub use scratch::Scratch;
pub use signals::{ClaimedRows, PlannedRows};
pub use times::PostTimes;
