//! Perceive, score and plan: from a resource to a DAG of tasks.
