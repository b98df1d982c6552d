//! Embeddings without a network: a static table of word pieces compiled into the binary.
//!
//! A text is the normalised mean of its tokens' rows (as in model2vec), so an embedding takes microseconds and the
//! cosine of two texts is their dot product. The table comes from `scripts/distill-embeddings.py`; to change it, rerun
//! the script and the tests below, as every threshold built on the table was tuned to these rows.

mod embedder;
mod lexicon;
mod table;

pub(crate) use embedder::dot;
pub use embedder::{EMBEDDING_MODEL, Embedder, Embedding, TEXT_BYTES_MAX, WordVector};
pub use table::{DIMS, TableError};
