//! Repositories over SQLite or PostgreSQL, in domain types. Only this crate knows SQL.
