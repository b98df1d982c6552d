//! For tests only: a throwaway PostgreSQL and Redis, a seeded clock and dice, and fixtures.
//!
//! [`TestPostgres::shared`] is one server per test process, started on first use and gone when the process ends, however
//! it ends; [`TestPostgres::database`] is a fresh database in it. [`SeededAmbient`] makes runs repeatable. The
//! functions of [`fixtures`] make entities whose values are all different and none the default, so that comparing whole
//! values finds a column that does not come back.
//!
//! [`TestRedis`] is the same for Redis, with a key prefix per test in place of a database.
//!
//! To add a fixture, put a function beside the others in `fixtures.rs`, and take what it depends on as arguments.

mod ambient;
pub mod fixtures;
mod postgres;
mod redis;

pub use ambient::SeededAmbient;
pub use postgres::{TestDatabase, TestPostgres};
pub use redis::TestRedis;
