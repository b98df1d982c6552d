//! Content credentials (C2PA) of pictures and videos: signed into a file right after it was made, checked right before it goes
//! out. Whoever gets the file can read in it that a machine made it, for which persona, and which post's trace it belongs to.
//!
//! Signing takes some milliseconds of a core, so it runs on a thread for blocking work.

mod config;
mod credentials;
mod error;

pub use config::{Algorithm, C2paConfig};
pub use credentials::{Credentials, Origin};
pub use error::CredentialsError;
