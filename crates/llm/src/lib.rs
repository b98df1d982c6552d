//! The mind: relevance, writing and judging in character, offline or over a model's API; embeddings and prices.
