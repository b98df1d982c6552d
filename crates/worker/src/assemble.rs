//! Words, pictures and video become one post. Pure.

use chimera_domain::{Artifact, Channel, Disclosure, MediaRef, Modality, Soul, TaskPayload};

/// A visible label when the persona's own wording takes too much room.
const SHORT_LABEL: &str = "AI-generated";

/// What a post lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A part that the channel needs was not made.
    #[error("the post needs {0}, and no finished part brings it")]
    Missing(Modality),
}

/// The parts of a post, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The words, disclosure included.
    pub text: String,
    /// Hashtags, without the sign.
    pub hashtags: Vec<String>,
    /// Pictures and videos, in the order the channel shows them.
    pub media: Vec<MediaRef>,
    /// Who made it.
    pub disclosure: Disclosure,
}

/// The visible label for a persona on a channel: its own words where they take at most a quarter of the room.
#[must_use]
pub fn disclosure(soul: &Soul, channel: Channel, models: Vec<String>) -> Disclosure {
    let own = soul.disclosure.trim();
    let fits = channel.length(own) * 4 <= channel.rules().text_chars_max;
    Disclosure { ai_generated: true, label: if fits { own } else { SHORT_LABEL }.to_owned(), models }
}

/// Room left for the writer once the label stands below its words, as the channel counts.
#[must_use]
pub(crate) fn room_for_words(soul: &Soul, channel: Channel) -> usize {
    let tail = format!("{SEPARATOR}{}", disclosure(soul, channel, vec![]).label);
    channel.rules().text_chars_max.saturating_sub(channel.length(&tail))
}

const SEPARATOR: &str = "\n\n";

/// Words with the label below them.
pub(crate) fn labelled(words: &str, disclosure: &Disclosure) -> String {
    let separator = if words.is_empty() { "" } else { SEPARATOR };
    format!("{words}{separator}{}", disclosure.label)
}

/// Puts the finished parts together. Where a video came to nothing and the channel takes a picture in its place, the
/// post has the picture alone.
///
/// # Errors
/// [`AssembleError`] when a part that the plan asks for is missing.
pub fn assemble(
    payload: &TaskPayload,
    soul: &Soul,
    channel: Channel,
    parts: &[Artifact],
) -> Result<Assembled, AssembleError> {
    let written = parts.iter().find(|p| p.media.is_empty() && !p.text.trim().is_empty());
    let medium = |modality| parts.iter().flat_map(|p| &p.media).find(|m| m.modality == modality);
    let mut media: Vec<MediaRef> = Vec::new();
    for &modality in payload.modalities.iter().filter(|m| **m != Modality::Text) {
        let stands_in = modality == Modality::Video && channel.rules().takes_picture_for_video();
        let part = medium(modality).or_else(|| medium(Modality::Image).filter(|_| stands_in));
        let part = part.ok_or(AssembleError::Missing(modality))?;
        if !media.contains(part) {
            media.push(part.clone());
        }
    }
    let wants_words = payload.modalities.contains(&Modality::Text);
    let (words, hashtags) = match written {
        Some(part) => (part.text.trim(), part.hashtags.clone()),
        None if wants_words => return Err(AssembleError::Missing(Modality::Text)),
        None => ("", vec![]),
    };
    let mut models: Vec<String> = parts.iter().flat_map(|p| p.disclosure.models.iter().cloned()).collect();
    models.sort();
    models.dedup();
    let disclosure = disclosure(soul, channel, models);
    Ok(Assembled { text: labelled(words, &disclosure), hashtags, media, disclosure })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::TaskType;
    use chimera_testkit::{SeededAmbient, fixtures};

    #[test]
    fn a_video_that_came_to_nothing_leaves_the_picture_where_the_channel_takes_one() {
        let ambient = SeededAmbient::new(3);
        let agent = fixtures::agent(&ambient);
        let campaign = fixtures::campaign(&ambient, &agent);
        let signal = fixtures::signal(&ambient, &campaign, &agent);
        let task = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![]);
        let picture = fixtures::artifact(&ambient, &task);
        let words = Artifact { media: vec![], ..picture.clone() };
        let mut film = picture.clone();
        film.media[0].modality = Modality::Video;
        let shown = |channel: Channel, video: &Artifact| {
            let payload = TaskPayload { modalities: channel.rules().modalities.to_vec(), ..task.payload.clone() };
            let parts = [words.clone(), picture.clone(), video.clone()];
            let post = assemble(&payload, &agent.soul, channel, &parts);
            post.map(|post| post.media.iter().map(|m| m.modality).collect::<Vec<_>>())
        };
        let (image, video) = (Modality::Image, Modality::Video);
        assert_eq!(shown(Channel::Instagram, &film), Ok(vec![image, video]));
        assert_eq!(shown(Channel::Instagram, &picture), Ok(vec![image]), "and not twice");
        assert_eq!(shown(Channel::TikTok, &film), Ok(vec![video]), "what it begins with is no part of it");
        assert_eq!(shown(Channel::TikTok, &picture), Ok(vec![image]));
        assert_eq!(shown(Channel::YoutubeShorts, &film), Ok(vec![video]));
        assert_eq!(shown(Channel::YoutubeShorts, &picture), Err(AssembleError::Missing(video)));
    }

    #[test]
    fn a_post_says_that_it_is_made_by_ai_on_every_channel() {
        let ambient = SeededAmbient::new(3);
        let agent = fixtures::agent(&ambient);
        for &channel in Channel::ALL {
            let made = disclosure(&agent.soul, channel, vec![]);
            assert!(made.ai_generated && !made.label.is_empty());
            assert!(channel.length(&made.label) + 20 < channel.rules().text_chars_max, "{channel}");
            assert!(room_for_words(&agent.soul, channel) > 40, "{channel}");
        }
    }
}
