//! What a writer is given beside the news: what its agent published lately, and what comes to its mind.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recalled;
use crate::{Memory, MemoryId, MemorySource};

/// Bytes of UTF-8 that make a token, at the least; an estimate must not fall short.
const BYTES_PER_TOKEN: usize = 3;
/// Tokens around each entry: its mark, its day and where it came from.
const ENTRY_TOKENS: usize = 24;

/// What a writer is given beside the news, in sections that are kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WriterContext {
    /// Posts of its own that just went out, newest first: not to be repeated.
    pub recent_posts: Vec<ContextEntry>,
    /// What it remembers of the matter, what has the most to say first.
    pub memories: Vec<ContextEntry>,
}

/// One thing that a writer is told of, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextEntry {
    /// What is remembered, whole.
    pub text: String,
    /// Whose words they are.
    pub source: MemorySource,
    /// Who or what said it.
    pub origin: String,
    /// When it happened, or was learned.
    pub at: DateTime<Utc>,
}

impl ContextEntry {
    /// An estimate of what it takes of a prompt, in tokens, on the high side.
    #[must_use]
    pub fn tokens(&self) -> usize {
        (self.text.len() + self.origin.len()).div_ceil(BYTES_PER_TOKEN).saturating_add(ENTRY_TOKENS)
    }
}

impl From<Memory> for ContextEntry {
    fn from(memory: Memory) -> Self {
        let (source, origin) = (memory.provenance.source, memory.provenance.origin);
        Self { text: memory.content, source, origin, at: memory.created_at }
    }
}

impl WriterContext {
    /// Puts together what fits into so many tokens. Own posts have the first half, and memories whatever is left. What does
    /// not fit is left out whole, and what comes after it may still fit. A post among the memories is told of once.
    #[must_use]
    pub fn assemble(recent_posts: Vec<Memory>, recalled: Vec<Recalled>, tokens_max: usize) -> Self {
        let told: BTreeSet<MemoryId> = recent_posts.iter().map(|memory| memory.id).collect();
        let (recent_posts, used) = fitting(recent_posts, tokens_max / 2);
        let others = recalled.into_iter().map(|recalled| recalled.memory).filter(|memory| !told.contains(&memory.id));
        let (memories, _) = fitting(others, tokens_max - used);
        Self { recent_posts, memories }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent_posts.is_empty() && self.memories.is_empty()
    }

    /// An estimate of what it takes of a prompt, in tokens, on the high side.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.recent_posts.iter().chain(&self.memories).map(ContextEntry::tokens).sum()
    }
}

fn fitting(memories: impl IntoIterator<Item = Memory>, tokens_max: usize) -> (Vec<ContextEntry>, usize) {
    let mut used = 0_usize;
    let mut fits = |entry: &ContextEntry| {
        let with = used.saturating_add(entry.tokens());
        let fits = with <= tokens_max;
        if fits {
            used = with;
        }
        fits
    };
    let entries = memories.into_iter().map(ContextEntry::from).filter(|entry| fits(entry)).collect();
    (entries, used)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{AgentId, EmbeddingModel, MemoryKind, Provenance, Score, TenantId};

    fn memory(number: u128, text: &str) -> Memory {
        Memory {
            id: MemoryId::from_uuid(Uuid::from_u128(number)),
            tenant_id: TenantId::from_uuid(Uuid::nil()),
            agent_id: AgentId::from_uuid(Uuid::nil()),
            kind: MemoryKind::Episodic,
            content: text.to_owned(),
            provenance: Provenance {
                source: MemorySource::OwnPost,
                origin: "threads".to_owned(),
                trace_id: None,
                artifact_id: None,
            },
            importance: Memory::ORDINARY,
            model: EmbeddingModel { name: "m".to_owned(), dims: 1 },
            created_at: "2026-11-22T12:00:00Z".parse().unwrap(),
        }
    }

    fn recalled(number: u128, text: &str) -> Recalled {
        Recalled { memory: memory(number, text), similarity: 0.5, score: Score::percent(50) }
    }

    fn texts(entries: &[ContextEntry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.text.as_str()).collect()
    }

    #[test]
    fn a_post_is_told_of_once_and_with_where_it_came_from() {
        let context = WriterContext::assemble(
            vec![memory(2, "newer"), memory(1, "older")],
            vec![recalled(1, "older"), recalled(3, "long ago")],
            1_000,
        );
        assert_eq!(
            (texts(&context.recent_posts), texts(&context.memories)),
            (vec!["newer", "older"], vec!["long ago"])
        );
        assert_eq!(
            (context.memories[0].source, context.memories[0].origin.as_str()),
            (MemorySource::OwnPost, "threads")
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_the_next_may_fit() {
        let long = "word ".repeat(100);
        let context =
            WriterContext::assemble(vec![memory(1, &long), memory(2, "short")], vec![recalled(3, &long)], 260);
        assert_eq!((texts(&context.recent_posts), texts(&context.memories)), (vec!["short"], vec![long.as_str()]));
        assert!(WriterContext::assemble(vec![memory(1, "short")], vec![], 0).is_empty());
    }

    #[test]
    fn room_that_posts_do_not_need_is_the_memories() {
        let all: Vec<Recalled> = (1..=4).map(|number| recalled(number, "short")).collect();
        let each = ContextEntry::from(memory(1, "short")).tokens();
        assert_eq!(WriterContext::assemble(vec![], all, each * 3).memories.len(), 3);
    }

    proptest! {
        /// Never more than there is room for, everything whole, in order, and nothing twice.
        #[test]
        fn the_budget_holds_and_order_stays(
            posts in prop::collection::vec("[a-zé☂ ]{0,300}", 0..12), others in prop::collection::vec("[a-zé☂ ]{0,300}", 0..12),
            tokens_max in 0_usize..2_000,
        ) {
            let recent: Vec<Memory> = (0..).zip(&posts).map(|(number, text)| memory(number, text)).collect();
            // Every second memory is one of the posts, too.
            let remembered: Vec<Recalled> = (0..).zip(&others).map(|(n, text)| recalled(if n % 2 == 0 { n } else { n + 100 }, text)).collect();
            let context = WriterContext::assemble(recent, remembered, tokens_max);
            prop_assert!(context.tokens() <= tokens_max);
            for (chosen, given) in [(&context.recent_posts, &posts), (&context.memories, &others)] {
                let mut rest = given.iter();
                prop_assert!(chosen.iter().all(|entry| rest.any(|text| *text == entry.text)), "whole and in order");
            }
        }
    }
}
