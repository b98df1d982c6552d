//! Whether a post only says again what was posted before, by its own agent or by another of the fleet.

use chrono::{DateTime, Utc};

use crate::{AgentId, Artifact, Channel, TraceId, Wording};

/// A post that went out, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierPost {
    /// Whose it is.
    pub agent_id: AgentId,
    /// The post's life.
    pub trace_id: TraceId,
    /// Where it was posted.
    pub channel: Channel,
    /// Its words.
    pub text: String,
    /// When it was made.
    pub at: DateTime<Utc>,
}

impl From<&Artifact> for EarlierPost {
    fn from(artifact: &Artifact) -> Self {
        let Artifact { agent_id, trace_id, channel, text, created_at, .. } = artifact;
        Self { agent_id: *agent_id, trace_id: *trace_id, channel: *channel, text: text.clone(), at: *created_at }
    }
}

/// What was posted before, ready to be compared.
#[derive(Debug, Default)]
pub struct PostedBefore {
    posts: Vec<(EarlierPost, Wording)>,
}

impl PostedBefore {
    /// These posts; in any order, and one may be named twice.
    #[must_use]
    pub fn of(posts: impl IntoIterator<Item = EarlierPost>) -> Self {
        let mut before = Self::default();
        posts.into_iter().for_each(|post| before.add(post));
        before
    }

    /// One more.
    pub fn add(&mut self, post: EarlierPost) {
        let wording = Wording::of(&post.text);
        self.posts.push((post, wording));
    }

    /// The post that this one says again, if any: on the same channel, in nearly the same words ([`Wording::repeats`]). On
    /// another channel the same words are one post that is meant for both, and another draft of the same post is no repeat.
    #[must_use]
    pub fn repeated_by(&self, post: &EarlierPost) -> Option<&EarlierPost> {
        let wording = Wording::of(&post.text);
        let others = self.posts.iter().filter(|(one, _)| one.channel == post.channel && one.trace_id != post.trace_id);
        others.filter(|(_, earlier)| earlier.repeats(&wording)).map(|(one, _)| one).max_by_key(|one| one.at)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const COAT: &str = "I would rather mend this coat than buy another. The lining is silk, the seams are honest, and the \
                        pockets still hold a ticket from a winter I can't place.";

    fn life(number: u128) -> TraceId {
        format!("{number:032x}").parse().unwrap()
    }

    fn post(number: u128, agent: u128, channel: Channel, text: &str) -> EarlierPost {
        EarlierPost {
            agent_id: AgentId::from_uuid(Uuid::from_u128(agent)),
            trace_id: life(number),
            channel,
            text: text.to_owned(),
            at: DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(i64::try_from(number).unwrap()),
        }
    }

    #[test]
    fn nearly_the_same_words_are_a_repeat_whoever_says_them() {
        let before = PostedBefore::of([
            post(1, 1, Channel::Threads, COAT),
            post(2, 2, Channel::Threads, COAT),
            post(3, 1, Channel::Threads, "Linen, again."),
        ]);
        let says = |text: &str| before.repeated_by(&post(9, 1, Channel::Threads, text)).map(|one| one.trace_id);
        let second = Some(life(2));
        assert_eq!(says(COAT), second, "the latest of them");
        assert_eq!(says(&COAT.replace("rather mend", "rather darn").to_uppercase()), second);
        assert_eq!(says(&COAT.replace("coat", "shirt").replace("silk", "cotton").replace("winter", "wedding")), None);
        assert_eq!(says("Linen, again."), Some(life(3)), "short ones word for word");
        assert_eq!(says("Linen, again and again."), None);
        assert_eq!(says(""), None);
    }

    #[test]
    fn other_channels_and_other_drafts_are_no_repeats() {
        let before = PostedBefore::of([post(1, 1, Channel::Threads, COAT)]);
        assert_eq!(before.repeated_by(&post(2, 1, Channel::Bluesky, COAT)), None);
        assert_eq!(before.repeated_by(&post(1, 1, Channel::Threads, COAT)), None);
    }

    #[test]
    fn other_numbers_are_other_news() {
        let score = |goals: &str| format!("France won {goals} tonight and the whole street came out to sing about it");
        let before = PostedBefore::of([post(1, 1, Channel::X, &score("3:1"))]);
        assert_eq!(before.repeated_by(&post(2, 1, Channel::X, &score("2:0"))), None);
        assert!(before.repeated_by(&post(2, 1, Channel::X, &score("3:1"))).is_some());
    }
}
