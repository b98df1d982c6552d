//! The roles that can be processes of their own.

use std::net::SocketAddr;

use crate::config::ServeConfig;

/// A role that can be a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Perceives and plans.
    Planner,
    /// Executes tasks.
    Worker,
    /// Judges results.
    Judge,
    /// Publishes what was approved. The only one that calls the platforms.
    Publisher,
}

impl Role {
    /// Its name in logs, metrics and answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::Worker => "worker",
            Self::Judge => "judge",
            Self::Publisher => "publisher",
        }
    }

    /// The configuration key of its address.
    pub(crate) const fn bind_key(self) -> &'static str {
        match self {
            Self::Planner => "serve.planner",
            Self::Worker => "serve.worker",
            Self::Judge => "serve.judge",
            Self::Publisher => "serve.publisher",
        }
    }

    /// Where it listens.
    pub(crate) const fn address(self, config: &ServeConfig) -> SocketAddr {
        match self {
            Self::Planner => config.planner,
            Self::Worker => config.worker,
            Self::Judge => config.judge,
            Self::Publisher => config.publisher,
        }
    }
}
