//! What is refused, and what is not.

use proptest::prelude::*;

use crate::{Channel, Disclosure, MediaRef, Modality, Part, Post, Violation};

const LABEL: &str = "Made by an AI.";

/// A picture or video that the channel takes.
fn medium(channel: Channel, modality: Modality) -> MediaRef {
    let rules = channel.rules();
    let is_video = modality == Modality::Video;
    let mimes = if is_video { rules.video.mimes } else { rules.picture.mimes };
    MediaRef {
        sha256: "0".repeat(64),
        modality,
        mime: mimes[0].to_owned(),
        bytes: 500_000,
        width: 1_080,
        height: if is_video { 1_920 } else { 1_350 },
        duration_ms: if is_video { 6_000 } else { 0 },
        alt_text: "A folded silk dress".to_owned(),
        captions_vtt: is_video.then(|| "WEBVTT\n\n00:00.000 --> 00:06.000\nSilk, again.\n".to_owned()),
    }
}

/// A post in all its parts.
#[derive(Debug, Clone)]
struct Whole {
    channel: Channel,
    text: String,
    hashtags: Vec<String>,
    media: Vec<MediaRef>,
    disclosure: Disclosure,
    is_reply: bool,
}

impl Whole {
    /// A post as it is made for the channel: nothing is wrong with it.
    fn good(channel: Channel) -> Self {
        let visual = channel.rules().modalities.iter().filter(|m| **m != Modality::Text);
        Self {
            channel,
            text: format!("Silk, again.\n\n{LABEL}"),
            hashtags: vec!["silk".to_owned()],
            media: visual.map(|modality| medium(channel, *modality)).collect(),
            disclosure: Disclosure { ai_generated: true, label: LABEL.to_owned(), models: vec![] },
            is_reply: false,
        }
    }

    fn violations(&self) -> Vec<Violation> {
        let Self { channel, text, hashtags, media, disclosure, is_reply } = self;
        Post { channel: *channel, text, hashtags, media, disclosure, is_reply: *is_reply }.violations()
    }
}

/// What is wrong with a good post once it was changed.
fn wrong(channel: Channel, change: impl FnOnce(&mut Whole)) -> Vec<Violation> {
    let mut post = Whole::good(channel);
    change(&mut post);
    post.violations()
}

/// Whether exactly one thing is wrong, and it is this.
macro_rules! only {
    ($found:expr, $pattern:pat) => {{
        let found = $found;
        assert!(matches!(found.as_slice(), [$pattern]), "{found:#?}");
    }};
}

#[test]
fn what_is_made_for_a_channel_is_taken_there() {
    for channel in Channel::ALL {
        assert_eq!(Whole::good(*channel).violations(), [], "{channel}");
    }
}

#[test]
fn words_are_taken_to_the_last_character() {
    for &channel in Channel::ALL {
        let max = channel.rules().text_chars_max;
        let of = |length: usize| {
            wrong(channel, |post| {
                let rest = channel.post_length(&post.text, &post.hashtags) + 1;
                post.text = format!("{} {}", "a".repeat(length - rest), post.text);
            })
        };
        assert_eq!(of(max), [], "{channel}");
        only!(of(max + 1), Violation::TextTooLong { .. });
    }
    let said = wrong(Channel::X, |post| post.text = format!("{}{LABEL}", "縫".repeat(140)));
    let said = said.first().unwrap().to_string();
    assert!(said.contains("280") && said.contains("a link 23") && said.contains("shorten it by 20"), "{said}");
}

#[test]
fn words_that_no_platform_takes() {
    only!(wrong(Channel::YoutubeShorts, |p| p.text.push('<')), Violation::ForbiddenCharacter { character: '<', .. });
    assert_eq!(wrong(Channel::X, |p| p.text.push('<')), []);
    for tag in ["", "two words", "2026", "#silk", "a-b", &"x".repeat(101)] {
        let found = wrong(Channel::Blog, |p| p.hashtags = vec![tag.to_owned()]);
        only!(found, Violation::Hashtag { .. });
    }
    let tags = |count| move |p: &mut Whole| p.hashtags = vec!["a1".to_owned(); count];
    only!(wrong(Channel::Instagram, tags(31)), Violation::TooManyHashtags { count: 31, max: 30, .. });
    only!(wrong(Channel::Instagram, tags(6)), Violation::CrowdedHashtags { count: 6, max: 5, .. });
    only!(wrong(Channel::Threads, tags(2)), Violation::CrowdedHashtags { .. });
    let links = |p: &mut Whole| p.text.push_str(&" https://a.com".repeat(6));
    only!(wrong(Channel::Threads, links), Violation::TooManyLinks { count: 6, max: 5, .. });
    let found = wrong(Channel::Instagram, links);
    assert!(found.iter().all(Violation::is_advice), "{found:?}");
    only!(found, Violation::DeadLink { .. });
    only!(
        wrong(Channel::Blog, |p| {
            p.media.clear();
            p.text.clear();
            p.hashtags.clear();
            p.disclosure.label.clear();
        })
        .into_iter()
        .filter(|v| v.part() == Part::Words)
        .collect::<Vec<_>>(),
        Violation::Empty
    );
}

#[test]
fn posts_have_the_pictures_and_videos_that_their_channel_wants() {
    for (channel, needs) in
        [(Channel::Instagram, true), (Channel::TikTok, true), (Channel::YoutubeShorts, true), (Channel::X, false)]
    {
        let bare = wrong(channel, |p| p.media.clear());
        assert_eq!(matches!(bare.as_slice(), [Violation::NoMedia { .. }]), needs, "{channel}: {bare:?}");
        let answer = wrong(channel, |p| (p.media.clear(), p.is_reply = true).1);
        assert_eq!(answer, [], "an answer needs none");
    }
    for &channel in Channel::ALL {
        let rules = channel.rules();
        let many = |kind, count| wrong(channel, |p| p.media = vec![medium(channel, kind); count]);
        if rules.pictures_max > 0 {
            assert_eq!(many(Modality::Image, rules.pictures_max), [], "{channel}");
        }
        assert_eq!(many(Modality::Video, rules.videos_max), [], "{channel}");
        let found = many(Modality::Image, rules.pictures_max + 1);
        assert!(found.iter().any(|v| matches!(v, Violation::TooManyMedia { kind: Modality::Image, .. })), "{found:?}");
        only!(many(Modality::Video, rules.videos_max + 1), Violation::TooManyMedia { kind: Modality::Video, .. });
    }
    let both = |p: &mut Whole| p.media = vec![medium(p.channel, Modality::Image), medium(p.channel, Modality::Video)];
    only!(wrong(Channel::X, both), Violation::MixedMedia { .. });
    only!(wrong(Channel::Mastodon, both), Violation::MixedMedia { .. });
    assert_eq!(wrong(Channel::Instagram, both), []);
    let twelve = |p: &mut Whole| {
        let kinds = [Modality::Image, Modality::Video].into_iter().cycle().take(12);
        p.media = kinds.map(|kind| medium(p.channel, kind)).collect();
    };
    only!(wrong(Channel::Instagram, twelve), Violation::TooManyMedia { count: 12, max: 10, .. });
}

#[test]
fn files_are_what_the_channel_takes() {
    let first = |channel, change: fn(&mut MediaRef)| wrong(channel, |p| change(&mut p.media[0]));
    only!(first(Channel::Instagram, |m| m.mime = "image/png".to_owned()), Violation::Format { index: 0, .. });
    only!(first(Channel::Bluesky, |m| m.bytes = 2_000_001), Violation::TooManyBytes { max: 2_000_000, .. });
    assert_eq!(first(Channel::Bluesky, |m| m.bytes = 2_000_000), []);
    only!(first(Channel::Instagram, |m| m.height = 1_351), Violation::Aspect { .. });
    only!(first(Channel::Instagram, |m| (m.width, m.height) = (1_911, 1_000)), Violation::Aspect { .. });
    assert_eq!(first(Channel::Instagram, |m| (m.width, m.height) = (1_910, 1_000)), []);
    assert_eq!(first(Channel::Instagram, |m| (m.width, m.height) = (0, 0)), [], "nobody knows its size");
    only!(first(Channel::YoutubeShorts, |m| (m.width, m.height) = (1_280, 720)), Violation::Aspect { .. });
    only!(first(Channel::TikTok, |m| m.duration_ms = 2_999), Violation::Duration { .. });
    only!(first(Channel::TikTok, |m| m.duration_ms = 180_001), Violation::Duration { .. });
    only!(first(Channel::Mastodon, |m| (m.width, m.height) = (8_000, 8_000)), Violation::TooManyPixels { .. });
}

#[test]
fn nobody_is_left_without_words() {
    for &channel in Channel::ALL {
        only!(wrong(channel, |p| p.media[0].alt_text = " ".to_owned()), Violation::NoAltText { index: 0 });
        let max = channel.rules().alt_max;
        assert_eq!(wrong(channel, |p| p.media[0].alt_text = "a".repeat(max)), []);
        only!(wrong(channel, |p| p.media[0].alt_text = "a".repeat(max + 1)), Violation::AltTextTooLong { .. });
        for captions in [None, Some(String::new()), Some("1\n00:00:00,000".to_owned())] {
            let found = wrong(channel, |p| {
                p.media = vec![MediaRef { captions_vtt: captions, ..medium(channel, Modality::Video) }];
            });
            only!(found, Violation::NoCaptions { index: 0 });
        }
    }
    let long = format!("WEBVTT\n{}", "a".repeat(20_000));
    let film = |channel| {
        wrong(channel, |p| {
            p.media = vec![MediaRef { captions_vtt: Some(long.clone()), ..medium(channel, Modality::Video) }];
        })
    };
    only!(film(Channel::Bluesky), Violation::CaptionsTooLong { .. });
    assert_eq!(film(Channel::Mastodon), []);
}

#[test]
fn a_post_that_does_not_say_what_it_is_is_refused_everywhere() {
    for &channel in Channel::ALL {
        only!(wrong(channel, |p| p.disclosure.ai_generated = false), Violation::Marking(_));
        only!(wrong(channel, |p| p.disclosure.label = "Handmade".to_owned()), Violation::Marking(_));
        only!(wrong(channel, |p| p.text = "Silk, again.".to_owned()), Violation::Marking(_));
    }
}

proptest! {
    /// What was cut to the room that label and hashtags leave is taken, whatever it was.
    #[test]
    fn what_was_cut_to_fit_is_taken(which in 0..Channel::ALL.len(), text in "(\\PC|[a-z ]|[日本👍🏽🇩🇪]){0,700}") {
        let mut post = Whole::good(Channel::ALL[which]);
        let channel = post.channel;
        let tail = format!("\n\n{LABEL}");
        let room = channel.rules().text_chars_max - channel.post_length(&tail, &post.hashtags);
        let words = channel.fit(&text, room).replace(channel.rules().forbidden, "");
        post.text = format!("{words}{tail}");
        let found: Vec<_> = post.violations().into_iter().filter(|v| !v.is_advice()).collect();
        prop_assert_eq!(found, vec![]);
    }
}
