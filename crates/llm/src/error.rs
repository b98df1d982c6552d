//! What can go wrong when a mind is asked, and whether asking again can help.

use std::{error::Error, path::PathBuf, time::Duration};

use chimera_domain::Usd;

/// Why a mind gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MindError {
    /// The quota is used up.
    #[error("the model's quota is used up{}", said_wait(*.retry_after))]
    RateLimited {
        /// How long the API asks callers to wait; `None` when it doesn't say. A daily quota gives an hour.
        retry_after: Option<Duration>,
        /// What earlier calls for the same ask cost.
        spent: Usd,
    },
    /// Not reached, too slow, or out of order on its side.
    #[error("the model can't be reached: {trouble}")]
    Unavailable {
        /// What was seen.
        trouble: Trouble,
        /// What earlier calls for the same ask cost.
        spent: Usd,
        /// What lies beneath, if anything.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The API's safety filters refused the prompt or the answer.
    #[error("the model's safety filter blocked the {stage}: {reason}")]
    Blocked {
        /// The API's word for it, such as `SAFETY`.
        reason: String,
        /// Which side was blocked.
        stage: BlockedStage,
        /// What the refused call cost all the same.
        spent: Usd,
    },
    /// The answer isn't what the schema demands, even after one repair.
    #[error("{model} answered something else than asked: {problem}")]
    Malformed {
        /// Which model.
        model: String,
        /// Where the answer departs from the schema.
        problem: String,
        /// What the calls cost all the same.
        spent: Usd,
    },
    /// The answer was cut at the token limit.
    #[error("{model} ran out of room after {output_tokens_max} output tokens; raise `output_tokens_max` of the mind")]
    Truncated {
        /// Which model.
        model: String,
        /// The limit.
        output_tokens_max: u32,
        /// What the call cost all the same.
        spent: Usd,
    },
    /// The call might cost more than is left; nothing was sent.
    #[error("the call could cost {estimate} dollars and the budget leaves {left}; nothing was sent")]
    OverBudget {
        /// The most the call could cost.
        estimate: Usd,
        /// What is left of the ask's budget.
        left: Usd,
        /// What earlier calls for the same ask cost.
        spent: Usd,
    },
    /// The API refuses the request as such: a wrong key, an unknown model.
    #[error("the model's API refused the request with status {status}: {said} ({advice})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the API said, without secrets.
        said: String,
        /// What an operator can do.
        advice: &'static str,
        /// What earlier calls for the same ask cost.
        spent: Usd,
    },
    /// The mind is set up wrongly.
    #[error("the mind is set up wrongly: {problem}")]
    Config {
        /// What is wrong, and what to do.
        problem: ConfigProblem,
        /// What lies beneath, if anything.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

/// What was seen of a model that can't be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// No connection.
    #[error("no connection (check the network and `base_url`)")]
    Connect,
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke while the answer came.
    #[error("the connection broke off")]
    Interrupted,
    /// A status of 500 or more.
    #[error("it answered with status {0}")]
    Status(u16),
    /// A status of 500 or more, with a wait that it asks for.
    #[error("it answered with status {status} and asks for a wait of {wait:?}")]
    Busy {
        /// The status.
        status: u16,
        /// The wait.
        wait: Duration,
    },
    /// The answer was larger than any honest one.
    #[error("the answer was larger than {0} bytes")]
    TooLarge(usize),
}

/// Which side a safety filter blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockedStage {
    /// What was asked.
    Prompt,
    /// What was answered.
    Answer,
}

impl std::fmt::Display for BlockedStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Prompt => "prompt",
            Self::Answer => "answer",
        })
    }
}

/// What is wrong with a mind's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// A backend is asked for and there is no key.
    #[error("backend `{backend}` needs a key: set {key}, or choose another provider; `offline` needs none")]
    NoKey {
        /// The backend.
        backend: String,
        /// Where the key was looked for.
        key: String,
    },
    /// The key holds characters that can't be sent in a header.
    #[error("the key in {0} holds characters that no key has; set it anew, without quotes or line ends")]
    BadKey(String),
    /// The key is no reference.
    #[error("`{0}` must be a reference such as secret://env/NAME, not the key itself")]
    BareKey(String),
    /// The base URL can't carry calls.
    #[error("`{key}` must be an http(s) URL such as {default}, found {found:?}")]
    BadUrl {
        /// The key.
        key: String,
        /// What stands there, without credentials.
        found: String,
        /// What would be right.
        default: &'static str,
    },
    /// No model has such a name.
    #[error("`{key}` must be a model's name such as gemini-3.8-flash, found {found:?}")]
    BadModel {
        /// The key.
        key: String,
        /// What stands there.
        found: String,
    },
    /// A model of a server of one's own has no name that would be known.
    #[error("`{0}` must name a model: which ones this server has is not known")]
    NoModel(&'static str),
    /// A role is given to a backend that isn't there.
    #[error("`roles.{role}` names the backend `{backend}`, which is none of: {known}")]
    NoBackend {
        /// The role.
        role: &'static str,
        /// The name.
        backend: String,
        /// The names that are.
        known: String,
    },
    /// Roles are given out in two ways, or not all of them.
    #[error("{0}")]
    Roles(&'static str),
    /// A model without a price.
    #[error(
        "model `{model}` of backend `{backend}` has no price, so no budget could hold; give it one in `prices`, or say          `free: true` of a backend that costs nothing"
    )]
    NoPrice {
        /// The backend.
        backend: String,
        /// The model.
        model: String,
    },
    /// A price that can't be used.
    #[error("{0}")]
    Price(String),
    /// The folder of prompts can't be used.
    #[error("the prompts in {} can't be used: {problem}", .path.display())]
    PromptFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A prompt can't be filled in.
    #[error("the prompt `{name}` can't be used: {problem}")]
    Prompt {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A prompt puts what strangers wrote where an operator's word stands.
    #[error("the prompt {0} must put what strangers wrote between boundaries, in the user's turn only")]
    Unbounded(String),
    /// The HTTP client can't be built.
    #[error("the HTTP client can't be built")]
    Client,
    /// A prompt, a schema or a word list inside the program can't be used: a defect of ours.
    #[error("{0}, built into the program, can't be used; this is a defect of the program, please report it")]
    BuiltIn(&'static str),
    /// A number is outside its range.
    #[error("`{key}` must lie in {min}..={max}, found {found}")]
    Range {
        /// The key.
        key: &'static str,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// What was there.
        found: u64,
    },
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes, at once.
    Now,
    /// Yes, after this long.
    After(Duration),
    /// No: the same ask will fail the same way.
    Never,
}

/// How long to wait when the API says "too much" without saying how long.
const UNSAID_WAIT: Duration = Duration::from_secs(60);
/// How long to wait before asking a mind that couldn't be reached; its own retries are already spent.
const OUTAGE_WAIT: Duration = Duration::from_secs(15);

impl MindError {
    /// Whether asking again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited { retry_after, .. } => Retry::After(retry_after.unwrap_or(UNSAID_WAIT)),
            Self::Unavailable { trouble: Trouble::Busy { wait, .. }, .. } => Retry::After(*wait),
            Self::Unavailable { .. } => Retry::After(OUTAGE_WAIT),
            // A model's next try at a malformed answer is a fresh throw of the dice.
            Self::Malformed { .. } => Retry::Now,
            Self::Blocked { .. }
            | Self::Truncated { .. }
            | Self::OverBudget { .. }
            | Self::Refused { .. }
            | Self::Config { .. } => Retry::Never,
        }
    }

    /// What was paid although no answer came; a ledger must count it.
    #[must_use]
    pub fn spent(&self) -> Usd {
        match self {
            Self::Blocked { spent, .. }
            | Self::Malformed { spent, .. }
            | Self::Truncated { spent, .. }
            | Self::OverBudget { spent, .. }
            | Self::RateLimited { spent, .. }
            | Self::Unavailable { spent, .. }
            | Self::Refused { spent, .. } => *spent,
            Self::Config { .. } => Usd::ZERO,
        }
    }

    /// The same error, with this much more paid before it.
    #[must_use]
    pub(crate) fn after_spending(mut self, more: Usd) -> Self {
        match &mut self {
            Self::Blocked { spent, .. }
            | Self::Malformed { spent, .. }
            | Self::Truncated { spent, .. }
            | Self::OverBudget { spent, .. }
            | Self::RateLimited { spent, .. }
            | Self::Unavailable { spent, .. }
            | Self::Refused { spent, .. } => *spent = spent.saturating_add(more),
            Self::Config { .. } => {}
        }
        self
    }
}

fn said_wait(wait: Option<Duration>) -> String {
    wait.map(|wait| format!("; it asks for a wait of {wait:?}")).unwrap_or_default()
}
