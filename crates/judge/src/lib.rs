//! Decide: confidence, sensitive topics, persona, routing; the commit gate.
