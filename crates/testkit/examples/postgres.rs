//! A throwaway PostgreSQL that stays up until this process ends: prints the address of an empty database, then waits for
//! standard input to close or for a signal. `scripts/infra up` runs it in the background.

use std::io::Read as _;

use chimera_testkit::TestPostgres;

#[expect(clippy::print_stdout, reason = "the address is this program's answer")]
fn main() -> anyhow::Result<()> {
    let server = TestPostgres::start()?;
    println!("{}", server.database()?.url);
    let mut rest = String::new();
    std::io::stdin().read_to_string(&mut rest)?;
    Ok(())
}
