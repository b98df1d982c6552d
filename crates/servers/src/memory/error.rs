//! What a caller of the memory's tools is told when nothing came of it.

use chimera_domain::{Memory, VectorError};
use chimera_llm::TableError;
use chimera_store::memory::MemoryError;

/// Why nothing was found or kept.
#[derive(Debug, thiserror::Error)]
pub enum MemoryToolError {
    /// Nothing was said.
    #[error("`{field}` is empty: say in words what to {purpose}")]
    Empty {
        /// The argument.
        field: &'static str,
        /// What it is for.
        purpose: &'static str,
    },
    /// Too much was said at once.
    #[error("`{field}` has {bytes} bytes, and {max} are the most: shorten it, or split it into several memories", max = Memory::CONTENT_BYTES_MAX)]
    TooLong {
        /// The argument.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The embedding model knows none of the words.
    #[error("the embedding model knows none of the words, so it could never be found again: say it in other words")]
    Words(#[source] VectorError),
    /// The agent remembers as much as it may.
    #[error("the agent has {count} memories, and {max} are the most: an operator can raise memory.memories_max")]
    Full {
        /// How many it has.
        count: u64,
        /// How many it may have.
        max: u64,
    },
    /// The binary's table of embeddings is damaged.
    #[error("embeddings can't be made")]
    Table(#[from] TableError),
    /// The memories could not be reached.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}
