//! How near two texts are in meaning, by the embeddings in the binary.

use crate::{
    ConfigProblem, MindError,
    embed::{Embedder, Embedding},
};

/// Nearness of texts, 0 (unrelated or opposed) to 1 (the same).
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearness {
    embedder: &'static Embedder,
}

impl Nearness {
    pub(super) fn load() -> Result<Self, MindError> {
        let embedder = Embedder::shared().map_err(|error| MindError::Config {
            problem: ConfigProblem::BuiltIn("the embedding table"),
            source: Some(Box::new(error)),
        })?;
        Ok(Self { embedder })
    }

    /// How near two texts are.
    pub(super) fn of(&self, a: &str, b: &str) -> f64 {
        near(&self.embedder.embed(a), &self.embedder.embed(b))
    }

    /// The options, the nearest to a text first; ties keep their order.
    pub(super) fn ranked<'a>(&self, text: &str, options: impl IntoIterator<Item = &'a str>) -> Vec<(f64, &'a str)> {
        let centre = self.embedder.embed(text);
        let mut ranked: Vec<(f64, &str)> =
            options.into_iter().map(|option| (near(&centre, &self.embedder.embed(option)), option)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked
    }
}

fn near(a: &Embedding, b: &Embedding) -> f64 {
    f64::from(a.cosine(b)).clamp(0.0, 1.0)
}
