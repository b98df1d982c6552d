//! The Gemini mind against a fake of the API, over real HTTP.

mod fake;
mod gemini_answers;
mod gemini_failures;
