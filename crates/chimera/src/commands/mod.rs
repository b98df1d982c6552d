//! One module for each command.

pub(crate) mod alerts;
pub(crate) mod bench;
mod bins;
pub(crate) mod campaign;
pub(crate) mod cfo;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod db;
pub(crate) mod demo;
mod hitl;
pub(crate) mod judge;
pub(crate) mod lines;
pub(crate) mod mcp;
pub(crate) mod metrics;
pub(crate) mod plan;
pub(crate) mod planner;
pub(crate) mod publisher;
pub(crate) mod review;
pub(crate) mod seed;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod up;
pub(crate) mod worker;
