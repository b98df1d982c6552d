//! A throwaway PostgreSQL and Redis that stay up until this process ends: prints the settings that reach them, one
//! `NAME=value` a line, then waits for standard input to close or for a signal. `scripts/infra up` runs it in the
//! background. With `--fsync` what PostgreSQL commits outlives a power cut, for benchmarks.

use std::io::Read as _;

use chimera_testkit::{TestPostgres, TestRedis};

#[expect(clippy::print_stdout, reason = "the addresses are this program's answer")]
fn main() -> anyhow::Result<()> {
    let safe = std::env::args().any(|argument| argument == "--fsync");
    let postgres = if safe { TestPostgres::start_safe()? } else { TestPostgres::start()? };
    let redis = TestRedis::start()?;
    // Both lines or none: who waits for them takes the second for the end.
    let (database, queue) = (postgres.database()?.url, redis.url());
    println!("CHIMERA_DATABASE__URL={database}\nCHIMERA_QUEUE__URL={queue}");
    let mut rest = String::new();
    std::io::stdin().read_to_string(&mut rest)?;
    Ok(())
}
