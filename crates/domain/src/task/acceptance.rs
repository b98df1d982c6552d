//! What the result of a task must be to be accepted. Which rules a result is held to is said when it is planned; the
//! rules themselves are its channel's.

use super::TaskType;
use crate::{Artifact, Channel, Modality, Violation, wire::wire_enum};

wire_enum! {
    /// One thing that a result must be.
    pub enum Criterion ("acceptance criterion") {
        /// Words that the channel takes.
        Words = "words",
        /// A picture.
        Picture = "picture",
        /// A video.
        Video = "video",
        /// A video, or the picture in its place when none can be made.
        VideoOrPicture = "video_or_picture",
        /// Pictures and videos in formats and sizes that the channel takes.
        Format = "format",
        /// Pictures and videos in shapes that the channel takes.
        Shape = "shape",
        /// Videos as long as the channel takes.
        Duration = "duration",
        /// Words for those who can't see.
        AltText = "alt_text",
        /// Words for those who can't hear.
        Captions = "captions",
        /// It says that it is AI-made.
        Disclosure = "disclosure",
    }
}

/// A criterion that is not met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{criterion}: {why}")]
pub struct Unmet {
    /// Which.
    pub criterion: Criterion,
    /// What is wrong, and what to do about it.
    pub why: String,
}

impl Criterion {
    /// What the result of such a task is held to, in a plan for a post of these on this channel.
    #[must_use]
    pub fn of(task_type: TaskType, channel: Channel, modalities: &[Modality]) -> Vec<Self> {
        let rules = channel.rules();
        let shows = |modality| modalities.contains(&modality);
        let video = if rules.takes_picture_for_video() { Self::VideoOrPicture } else { Self::Video };
        let of_film = [Self::Format, Self::Shape, Self::Duration, Self::AltText, Self::Captions];
        match task_type {
            TaskType::GenerateText => vec![Self::Words],
            // One that no reader sees only has to be there for the video.
            TaskType::GenerateImage if !shows(Modality::Image) && !rules.takes_picture_for_video() => {
                vec![Self::Picture]
            }
            TaskType::GenerateImage => vec![Self::Picture, Self::Format, Self::Shape, Self::AltText],
            TaskType::GenerateVideo => [video].into_iter().chain(of_film).collect(),
            TaskType::ReplyComment => vec![Self::Words, Self::Disclosure],
            TaskType::AssemblePost => {
                let parts = [
                    (Modality::Text, vec![Self::Words]),
                    (Modality::Image, vec![Self::Picture, Self::Format, Self::Shape, Self::AltText]),
                    (Modality::Video, [video].into_iter().chain(of_film).collect()),
                ];
                let mut all: Vec<Self> =
                    parts.into_iter().filter(|(part, _)| shows(*part)).flat_map(|(_, criteria)| criteria).collect();
                all.push(Self::Disclosure);
                all.sort();
                all.dedup();
                all
            }
            _ => vec![],
        }
    }

    /// The same in words.
    #[must_use]
    pub fn in_words(self, channel: Channel) -> String {
        let rules = channel.rules();
        match self {
            Self::Words => format!("at most {} characters with hashtags", rules.text_chars_max),
            Self::Picture => "a picture".to_owned(),
            Self::Video => "a video".to_owned(),
            Self::VideoOrPicture => "a video, or else the picture".to_owned(),
            Self::Format => format!("formats and sizes that {channel} takes"),
            Self::Shape => format!("shapes that {channel} takes"),
            Self::Duration => {
                let (shortest, longest) = rules.video.duration_ms;
                format!("{} to {} s long", shortest / 1_000, longest / 1_000)
            }
            Self::AltText => "described for those who can't see it".to_owned(),
            Self::Captions => "captions for those who can't hear it".to_owned(),
            Self::Disclosure => "says that it is AI-made".to_owned(),
        }
    }

    /// All of these in words.
    #[must_use]
    pub fn all_in_words(criteria: &[Self], channel: Channel) -> String {
        criteria.iter().map(|criterion| criterion.in_words(channel)).collect::<Vec<_>>().join("; ")
    }

    /// What is missing altogether.
    fn missing(self, artifact: &Artifact) -> Option<&'static str> {
        let has = |modality| artifact.media.iter().any(|medium| medium.modality == modality);
        let (is_there, lack) = match self {
            Self::Words => (!artifact.text.trim().is_empty(), "no words"),
            Self::Picture => (has(Modality::Image), "no image"),
            Self::Video => (has(Modality::Video), "no video"),
            Self::VideoOrPicture => (has(Modality::Video) || has(Modality::Image), "neither video nor image"),
            _ => return None,
        };
        (!is_there).then_some(lack)
    }
}

/// Those of these criteria that a result does not meet, in the order given. What only reads less well is met.
#[must_use]
pub fn unmet(criteria: &[Criterion], artifact: &Artifact) -> Vec<Unmet> {
    let mut broken = artifact.post().violations();
    broken.retain(|violation| !violation.is_advice());
    let of = |criterion: Criterion| {
        let missing = criterion.missing(artifact).map(str::to_owned);
        let broken = broken.iter().filter(|violation| broken_by(violation) == Some(criterion)).map(ToString::to_string);
        let why: Vec<String> = missing.into_iter().chain(broken).collect();
        (!why.is_empty()).then(|| Unmet { criterion, why: why.join("; ") })
    };
    criteria.iter().copied().filter_map(of).collect()
}

/// The criterion that such a violation breaks. Which media may stand together is the whole post's affair.
const fn broken_by(violation: &Violation) -> Option<Criterion> {
    use Violation as V;
    Some(match violation {
        V::TextTooLong { .. }
        | V::ForbiddenCharacter { .. }
        | V::TooManyHashtags { .. }
        | V::Hashtag { .. }
        | V::TooManyLinks { .. } => Criterion::Words,
        V::Format { .. } | V::TooManyBytes { .. } | V::TooManyPixels { .. } => Criterion::Format,
        V::Aspect { .. } => Criterion::Shape,
        V::Duration { .. } => Criterion::Duration,
        V::NoAltText { .. } | V::AltTextTooLong { .. } => Criterion::AltText,
        V::NoCaptions { .. } | V::CaptionsTooLong { .. } => Criterion::Captions,
        V::Marking(_) => Criterion::Disclosure,
        V::Empty
        | V::CrowdedHashtags { .. }
        | V::DeadLink { .. }
        | V::NoMedia { .. }
        | V::TooManyMedia { .. }
        | V::MixedMedia { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AgentId, ArtifactId, CampaignId, Costs, Disclosure, MediaRef, TaskId, TenantId, TraceId, task::tests::Fixed,
    };

    fn film() -> MediaRef {
        MediaRef {
            sha256: "a".repeat(64),
            modality: Modality::Video,
            mime: "video/mp4".to_owned(),
            bytes: 1_000,
            width: 720,
            height: 1_280,
            duration_ms: 6_000,
            alt_text: "A coat turns".to_owned(),
            captions_vtt: Some("WEBVTT\n".to_owned()),
        }
    }

    fn picture() -> MediaRef {
        let (modality, mime) = (Modality::Image, "image/jpeg".to_owned());
        MediaRef { modality, mime, height: 900, duration_ms: 0, captions_vtt: None, ..film() }
    }

    fn made(channel: Channel, media: Vec<MediaRef>) -> Artifact {
        let label = "Made by an AI.".to_owned();
        Artifact {
            id: ArtifactId::generate(&Fixed),
            tenant_id: TenantId::DEFAULT,
            trace_id: TraceId::generate(&Fixed),
            task_id: TaskId::generate(&Fixed),
            agent_id: AgentId::generate(&Fixed),
            campaign_id: CampaignId::generate(&Fixed),
            channel,
            content_type: "multipart/mixed".to_owned(),
            text: format!("Silk.\n\n{label}"),
            hashtags: vec![],
            media,
            disclosure: Disclosure { ai_generated: true, label, models: vec![] },
            in_reply_to: None,
            character_reference_id: "nova-face".to_owned(),
            llm_self_score: None,
            tool_log: vec![],
            costs: Costs::default(),
            content_hash: String::new(),
            created_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn names(criteria: &[Criterion], artifact: &Artifact) -> Vec<Criterion> {
        unmet(criteria, artifact).into_iter().map(|unmet| unmet.criterion).collect()
    }

    #[test]
    fn each_fault_breaks_its_own_criterion_alone() {
        let channel = Channel::Instagram;
        let criteria = Criterion::of(TaskType::AssemblePost, channel, channel.rules().modalities);
        assert_eq!(criteria.len(), 9, "{criteria:?}");
        let sound = || made(channel, vec![picture(), film()]);
        assert_eq!(unmet(&criteria, &sound()), []);
        type Fault = fn(&mut Artifact);
        let faults: [(Fault, Criterion); 8] = [
            (|a| a.hashtags = vec!["silk".to_owned(); 31], Criterion::Words),
            (|a| a.media[0].modality = Modality::Text, Criterion::Picture),
            (|a| a.media[0].mime = "image/png".to_owned(), Criterion::Format),
            (|a| a.media[0].width = 9_000, Criterion::Shape),
            (|a| a.media[1].duration_ms = 2_000, Criterion::Duration),
            (|a| a.media[0].alt_text.clear(), Criterion::AltText),
            (|a| a.media[1].captions_vtt = None, Criterion::Captions),
            (|a| a.text = "Silk.".to_owned(), Criterion::Disclosure),
        ];
        for (fault, criterion) in faults {
            let mut artifact = sound();
            fault(&mut artifact);
            assert_eq!(names(&criteria, &artifact), [criterion]);
        }
    }

    #[test]
    fn a_picture_stands_for_the_video_only_where_the_channel_takes_one() {
        for (channel, taken) in [(Channel::TikTok, true), (Channel::Instagram, true), (Channel::YoutubeShorts, false)] {
            let criteria = Criterion::of(TaskType::GenerateVideo, channel, channel.rules().modalities);
            assert_eq!(names(&criteria, &made(channel, vec![film()])), [], "{channel}");
            let without = names(&criteria, &made(channel, vec![picture()]));
            assert_eq!(without.is_empty(), taken, "{channel}: {without:?}");
            assert!(!names(&criteria, &made(channel, vec![])).is_empty());
        }
    }

    #[test]
    fn a_picture_that_no_reader_sees_only_has_to_be_there() {
        let shorts = Channel::YoutubeShorts;
        let criteria = Criterion::of(TaskType::GenerateImage, shorts, shorts.rules().modalities);
        assert_eq!(names(&criteria, &made(shorts, vec![picture()])), []);
        assert_eq!(names(&criteria, &made(shorts, vec![])), [Criterion::Picture]);
    }

    #[test]
    fn what_is_planned_for_a_channel_is_said_in_words() {
        let criteria = Criterion::of(TaskType::GenerateVideo, Channel::Instagram, Modality::ALL);
        let words = Criterion::all_in_words(&criteria, Channel::Instagram);
        assert!(words.starts_with("a video, or else the picture; ") && words.contains("3 to 900 s long"), "{words}");
    }
}
