//! For tests only: a throwaway PostgreSQL and Redis, a seeded clock and dice, and fixtures.
//!
//! [`TestPostgres::shared`] is one server per test process, started on first use and gone when the process ends, however
//! it ends; [`TestPostgres::database`] is a fresh database in it. [`SeededAmbient`] makes runs repeatable. The
//! functions of [`fixtures`] make entities whose values are all different and none the default, so that comparing whole
//! values finds a column that does not come back.
//!
//! [`TestRedis`] is the same for Redis, with a key prefix per test in place of a database; [`TestS3`] for S3, with a bucket per
//! test, where Python's package index can be reached.
//!
//! Whatever rests on a database or a queue is tested on both columns of "two ways to run": [`Backends`] is one column,
//! and [`on_both!`] makes two tests of each case.
//!
//! To add a fixture, put a function beside the others in `fixtures.rs`, and take what it depends on as arguments.

mod ambient;
mod backends;
mod bucket;
pub mod fixtures;
mod port;
mod postgres;
mod redis;
mod wheel;

pub use ambient::SeededAmbient;
pub use backends::Backends;
pub use bucket::{TestBucket, TestS3};
pub use postgres::{Stop, TestDatabase, TestPostgres};
pub use redis::TestRedis;
pub use wheel::Wheel;
