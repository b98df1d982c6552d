//! Publishing: PUBLISHING and its ledger entry are committed before the platform is called, and settled after.

mod begin;
mod settle;
