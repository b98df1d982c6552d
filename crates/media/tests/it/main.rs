//! Content credentials of real files.

#[cfg(test)]
mod credentials;
