//! Pictures and videos on a page.

use chimera_domain::{Artifact, MediaRef, Modality};

/// A picture or video on a page.
#[derive(Debug)]
pub(crate) struct Medium {
    pub(crate) is_video: bool,
    pub(crate) src: String,
    pub(crate) alt: String,
    /// What a video shows before it plays: the post's picture, if it has one.
    pub(crate) poster: String,
}

impl Medium {
    /// Every one of this artifact.
    pub(crate) fn of(artifact: &Artifact) -> Vec<Self> {
        let poster = artifact.media.iter().find(|m| m.modality == Modality::Image).map(src).unwrap_or_default();
        artifact
            .media
            .iter()
            .map(|m| Self {
                is_video: m.modality == Modality::Video,
                src: src(m),
                alt: m.alt_text.clone(),
                poster: poster.clone(),
            })
            .collect()
    }

    /// The one that stands for the whole: its first picture, else its first video.
    pub(crate) fn chief(artifact: &Artifact) -> Vec<Self> {
        let mut all = Self::of(artifact);
        all.sort_by_key(|medium| medium.is_video);
        all.truncate(1);
        all
    }
}

fn src(medium: &MediaRef) -> String {
    let extension = if medium.mime == "video/mp4" { "mp4" } else { medium.mime.rsplit('/').next().unwrap_or("png") };
    format!("/media/{}.{extension}", medium.sha256)
}
