//! Sensitive topics: what always goes to a person.
//!
//! Three detectors, any of which is enough: words (`assets/topics.yaml`, readable data that an operator extends),
//! meaning (a trained classifier for the topics it knows, which weighs ambiguous words, too; and for every topic the same contest
//! over the same embeddings as relevance, against a background of benign subjects), and patterns of personal data.
//! Missing a case costs more than bothering a person, so all three lean towards a hit, and no classifier excuses a plain word.
//! To add a topic, add an entry to the YAML; nothing in the code knows any topic but `personal_data`.

mod classifier;
mod hit;
mod meaning;
mod patterns;
mod rules;
mod scanner;

pub use hit::{Evidence, TopicHit};
pub use rules::TopicError;
pub use scanner::TopicScanner;
