//! Why spending could not be counted.

use chimera_domain::{AgentId, Usd};

/// Why spending could not be counted. Whoever gets one must not spend.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// Nobody has started the agent's counters, or they were lost.
    #[error("the spend counters of agent {agent_id} do not run; start them from the ledger and ask again")]
    NotStarted {
        /// The agent.
        agent_id: AgentId,
    },
    /// An amount that nothing can cost.
    #[error("${amount} can't be counted; want an amount from zero to a billion dollars")]
    Amount {
        /// The refused amount.
        amount: Usd,
    },
    /// The counters can't be reached, or answered what they never should.
    #[error("the spend counters can't be used; nothing may be spent until they can")]
    Unavailable {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
