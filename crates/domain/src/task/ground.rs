//! What a task rests on: the campaign's brief and the persona. When either moves, what was planned on it is void.

use std::fmt;

use super::AgentTask;
use crate::{Agent, Campaign, CampaignStatus, StateVersion, wire::wire_enum};

wire_enum! {
    /// Why a task was cancelled.
    pub enum CancelReason ("cancel reason") {
        /// A task that it waited for came to nothing. The one reason from which an operator's retry brings it back.
        Dependency = "dependency",
        /// Its campaign is over.
        CampaignEnded = "campaign_ended",
        /// Its campaign's brief was edited after it was planned.
        CampaignEdited = "campaign_edited",
        /// Its agent's SOUL.md was edited after it was planned.
        PersonaChanged = "persona_changed",
        /// A judge or a person withdrew it.
        Withdrawn = "withdrawn",
    }
}

/// The campaign and the persona as they stand now, as far as a task rests on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Whether the campaign plans and publishes.
    pub status: CampaignStatus,
    /// The version in which the campaign's brief was last edited.
    pub brief_version: StateVersion,
    /// SHA-256 of the SOUL.md in force, hex.
    pub soul_hash: String,
    /// Which version of SOUL.md that is.
    pub soul_version: u32,
}

/// Why a task no longer holds: what it was planned on has moved. [`fmt::Display`] names both versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outdated {
    /// The campaign is over.
    CampaignEnded,
    /// The campaign's brief was edited.
    CampaignEdited {
        /// The campaign's version when the task was planned.
        planned: StateVersion,
        /// The version in which the brief was edited.
        edited: StateVersion,
    },
    /// SOUL.md was edited.
    PersonaChanged {
        /// The hash of the SOUL.md that it was planned under.
        planned: String,
        /// The hash of the one in force.
        present: String,
        /// The version of the one in force.
        soul_version: u32,
    },
}

impl Ground {
    /// What tasks of this campaign and this agent rest on.
    #[must_use]
    pub fn of(campaign: &Campaign, agent: &Agent) -> Self {
        Self {
            status: campaign.status,
            brief_version: campaign.brief_version,
            soul_hash: agent.soul_hash.clone(),
            soul_version: agent.soul_version,
        }
    }

    /// Why a task planned at this version of the campaign, under the SOUL.md of this hash, is void; `None` while it holds.
    /// A pause voids nothing.
    #[must_use]
    pub fn voids(&self, campaign_version: StateVersion, soul_hash: &str) -> Option<Outdated> {
        if self.status == CampaignStatus::Ended {
            return Some(Outdated::CampaignEnded);
        }
        if campaign_version < self.brief_version {
            return Some(Outdated::CampaignEdited { planned: campaign_version, edited: self.brief_version });
        }
        (soul_hash != self.soul_hash).then(|| Outdated::PersonaChanged {
            planned: soul_hash.to_owned(),
            present: self.soul_hash.clone(),
            soul_version: self.soul_version,
        })
    }
}

impl AgentTask {
    /// Why the task is void, now that campaign and agent stand so; `None` while it holds.
    #[must_use]
    pub fn outdated(&self, campaign: &Campaign, agent: &Agent) -> Option<Outdated> {
        Ground::of(campaign, agent).voids(self.campaign_version, &self.persona_lock.soul_hash)
    }
}

impl Outdated {
    /// What a task that is cancelled for it is marked with.
    #[must_use]
    pub const fn cancel_reason(&self) -> CancelReason {
        match self {
            Self::CampaignEnded => CancelReason::CampaignEnded,
            Self::CampaignEdited { .. } => CancelReason::CampaignEdited,
            Self::PersonaChanged { .. } => CancelReason::PersonaChanged,
        }
    }
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CampaignEnded => f.write_str("its campaign has ended"),
            Self::CampaignEdited { planned, edited } => {
                write!(f, "it was planned on {planned} of its campaign, whose brief was edited in {edited}")
            }
            Self::PersonaChanged { planned, present, soul_version } => {
                let short = |hash: &str| hash.chars().take(12).collect::<String>();
                write!(
                    f,
                    "it was planned under SOUL.md {}, and {} (version {soul_version}) is in force",
                    short(planned),
                    short(present)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground() -> Ground {
        Ground {
            status: CampaignStatus::Active,
            brief_version: StateVersion::new(3),
            soul_hash: "b".repeat(64),
            soul_version: 4,
        }
    }

    #[test]
    fn an_edit_of_the_brief_or_of_the_persona_voids_what_was_planned_before_and_a_pause_does_not() {
        let (planned, soul) = (StateVersion::new(3), "b".repeat(64));
        for status in [CampaignStatus::Active, CampaignStatus::Paused] {
            let ground = Ground { status, ..ground() };
            assert_eq!(ground.voids(planned, &soul), None);
            // The campaign was written since, but not its brief.
            assert_eq!(ground.voids(StateVersion::new(9), &soul), None);
        }
        let edited = ground().voids(StateVersion::new(2), &soul).unwrap();
        assert_eq!(edited.cancel_reason(), CancelReason::CampaignEdited);
        assert_eq!(edited.to_string(), "it was planned on v2 of its campaign, whose brief was edited in v3");
        let changed = ground().voids(planned, &"a".repeat(64)).unwrap();
        assert_eq!(changed.cancel_reason(), CancelReason::PersonaChanged);
        let words = changed.to_string();
        assert!(words.contains("SOUL.md aaaaaaaaaaaa") && words.contains("bbbbbbbbbbbb (version 4)"), "{words}");
        let over = Ground { status: CampaignStatus::Ended, ..ground() }.voids(planned, &soul).unwrap();
        assert_eq!((&over, over.cancel_reason()), (&Outdated::CampaignEnded, CancelReason::CampaignEnded));
    }
}
