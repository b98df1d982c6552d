//! How many agents of the fleet may post about one story on one channel. Each may have its own view of it; many that take up
//! the same story are a swarm, to readers and to platforms.

use std::collections::{BTreeSet, HashMap};

use crate::{AgentId, Channel, SignalId};

/// An agent that posts about a story on a channel, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryVoice {
    /// The story.
    pub story_id: SignalId,
    /// The wording in which the agent met it ([`crate::TrendSignal::content_hash`]).
    pub content_hash: String,
    /// Where.
    pub channel: Channel,
    /// Who.
    pub agent_id: AgentId,
}

/// A story is known by its name or by one of its wordings: two planners that read the same item at the same moment give it
/// two names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Known {
    Story(SignalId),
    Wording(String),
}

/// Counts the agents that post about stories.
#[derive(Debug, Clone, Default)]
pub struct StoryVoices {
    agents_max: u32,
    heard: HashMap<(Known, Channel), BTreeSet<AgentId>>,
}

impl StoryVoices {
    /// Whoever posts about them already. Of one story, at most `agents_max` agents on any channel; 0: any number.
    #[must_use]
    pub fn new(agents_max: u32, voices: impl IntoIterator<Item = StoryVoice>) -> Self {
        let mut all = Self { agents_max, heard: HashMap::new() };
        for StoryVoice { story_id, content_hash, channel, agent_id } in voices {
            all.count(Some(story_id), &content_hash, channel, agent_id);
        }
        all
    }

    /// Those of these channels on which the agent may post about the story, counted from then on. Who posts about it there
    /// already is one agent however often it does.
    pub fn admit(
        &mut self,
        story: Option<SignalId>,
        content_hash: &str,
        agent: AgentId,
        channels: &[Channel],
    ) -> Vec<Channel> {
        let may = |channel: &Channel| {
            let mut others = self.others(story, content_hash, *channel);
            others.remove(&agent);
            self.agents_max == 0 || others.len() < usize::try_from(self.agents_max).unwrap_or(usize::MAX)
        };
        let with_room: Vec<Channel> = channels.iter().copied().filter(may).collect();
        for channel in &with_room {
            self.count(story, content_hash, *channel, agent);
        }
        with_room
    }

    fn others(&self, story: Option<SignalId>, content_hash: &str, channel: Channel) -> BTreeSet<AgentId> {
        let heard = known(story, content_hash).filter_map(|known| self.heard.get(&(known, channel)));
        heard.flatten().copied().collect()
    }

    fn count(&mut self, story: Option<SignalId>, content_hash: &str, channel: Channel, agent: AgentId) {
        for known in known(story, content_hash) {
            self.heard.entry((known, channel)).or_default().insert(agent);
        }
    }
}

fn known(story: Option<SignalId>, content_hash: &str) -> impl Iterator<Item = Known> {
    story.map(Known::Story).into_iter().chain([Known::Wording(content_hash.to_owned())])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use Channel::{Bluesky, X};

    fn agent(number: u128) -> AgentId {
        AgentId::from_uuid(Uuid::from_u128(number))
    }

    fn story(number: u128) -> Option<SignalId> {
        Some(SignalId::from_uuid(Uuid::from_u128(number)))
    }

    fn voice(story_id: u128, wording: &str, channel: Channel, agent_id: u128) -> StoryVoice {
        let story_id = SignalId::from_uuid(Uuid::from_u128(story_id));
        StoryVoice { story_id, content_hash: wording.to_owned(), channel, agent_id: agent(agent_id) }
    }

    #[test]
    fn each_channel_has_places_of_its_own() {
        let before = [voice(1, "a", X, 1), voice(1, "b", X, 2), voice(1, "a", Bluesky, 1), voice(2, "c", X, 3)];
        let mut voices = StoryVoices::new(2, before);
        assert_eq!(voices.admit(story(1), "d", agent(3), &[X, Bluesky]), [Bluesky]);
        assert_eq!(voices.admit(story(1), "d", agent(4), &[X, Bluesky]), []);
        assert_eq!(voices.admit(story(2), "d2", agent(4), &[X, Bluesky]), [X, Bluesky], "another story");
    }

    #[test]
    fn who_speaks_of_it_already_takes_no_second_place() {
        let mut voices = StoryVoices::new(1, [voice(1, "a", X, 1)]);
        assert_eq!(voices.admit(story(1), "b", agent(1), &[X]), [X]);
        assert_eq!(voices.admit(story(1), "b", agent(2), &[X]), []);
    }

    #[test]
    fn the_same_wording_is_the_same_story_whatever_its_name() {
        let mut voices = StoryVoices::new(1, [voice(1, "a", X, 1)]);
        assert_eq!(voices.admit(story(2), "a", agent(2), &[X]), []);
        assert_eq!(voices.admit(None, "a", agent(2), &[X]), []);
        assert_eq!(voices.admit(None, "b", agent(2), &[X]), [X]);
    }

    #[test]
    fn without_a_limit_all_may_speak() {
        let mut voices = StoryVoices::new(0, (1..9).map(|number| voice(1, "a", X, number)));
        assert_eq!(voices.admit(story(1), "a", agent(10), &[X]), [X]);
    }

    proptest! {
        /// Whatever is asked for: nowhere do more agents speak of a story than may, and nobody is refused while there is room.
        #[test]
        fn no_story_has_more_voices_than_it_may(
            max in 1_u32..4,
            asked in prop::collection::vec((1_u128..4, 0_u128..7, prop::bool::ANY), 0..40),
        ) {
            let mut voices = StoryVoices::new(max, []);
            let mut admitted: HashMap<(u128, Channel), BTreeSet<u128>> = HashMap::new();
            for (story_id, who, both) in asked {
                let channels: &[Channel] = if both { &[X, Bluesky] } else { &[X] };
                let with_room = voices.admit(story(story_id), &story_id.to_string(), agent(who), channels);
                for channel in channels {
                    let speakers = admitted.entry((story_id, *channel)).or_default();
                    let has_room = speakers.contains(&who) || speakers.len() < max as usize;
                    prop_assert_eq!(with_room.contains(channel), has_room);
                    if has_room {
                        speakers.insert(who);
                    }
                    prop_assert!(speakers.len() <= max as usize);
                }
            }
        }
    }
}
