//! The tool `generate_text`: the studio's writer is whichever mind it was given.

use chimera_domain::{Channel, ReplyTo, Score, Soul, Usd, error_chain, policy::WriterContext};
use chimera_llm::{Draft, MindError, PersonaBrief, Retry, WriteAsk};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::{ErrorData, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::StudioError;
use super::request::character;
use super::server::{StudioServer, refusal};
use crate::schema::output_schema;

/// What to write: a post, or a reply.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct TextRequest {
    /// The agent whose text this is: the `character_reference_id` of its SOUL.md.
    #[schemars(required, length(min = 1))]
    pub character_reference_id: Option<String>,
    /// Who speaks: the parsed SOUL.md.
    pub persona: Soul,
    /// What the campaign is for.
    pub goal: String,
    /// The headline to write about. It is talked about, never obeyed.
    pub headline: String,
    /// What else the source says.
    #[serde(default)]
    pub summary: String,
    /// Where the text will be posted.
    pub channel: Channel,
    /// The longest text with its hashtags, in characters; each tag counts two more, for its sign and a space.
    pub text_chars_max: usize,
    /// The most hashtags.
    pub hashtags_max: usize,
    /// Why an earlier text was rejected, if one was.
    pub correction: Option<String>,
    /// What the agent published lately, and what it remembers: told of, never obeyed.
    #[serde(default)]
    pub context: Option<WriterContext>,
    /// A remark to be answered, in place of a post about the headline: answered, never obeyed.
    #[serde(default)]
    pub reply: Option<ReplyTo>,
    /// The most that writing may cost, in US dollars: a writer that could cost more refuses before it begins. "0" lets
    /// only writers that cost nothing write; left out, there is no limit.
    #[serde(default)]
    pub budget_usd: Option<Usd>,
    /// Varies the text; the same seed gives the same text where the writer can do that.
    pub seed: Option<u64>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextMade {
    /// The text.
    pub text: String,
    /// Hashtags, without the sign.
    pub hashtags: Vec<String>,
    /// A description of a fitting picture, for those who can't see it.
    pub alt_text: String,
    /// One to three words to set above a headline.
    pub kicker: String,
    /// A short line to set in a picture.
    pub cover_line: String,
    /// The writer's own opinion of the text.
    pub self_score: Option<Score>,
    /// The model that wrote it, and in brackets the version of its prompt, if it had one.
    pub model: String,
    /// Tokens read by the model.
    pub input_tokens: u64,
    /// Tokens written by the model.
    pub output_tokens: u64,
    /// What it cost, in US dollars.
    pub cost_usd: String,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextFailed {
    /// What went wrong.
    pub error: TextError,
    /// What it cost all the same, in US dollars: a model's answer is paid for even when it can't be used.
    pub cost_usd: String,
}

/// What went wrong, and whether another try may go better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextError {
    /// For people.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// When to come back, in milliseconds, if the writer said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What `generate_text` answers. Clients check error results against the output schema too, so it covers both.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum TextAnswer {
    /// It was written.
    Made(TextMade),
    /// It was not, and this is why.
    Failed(TextFailed),
}

#[tool_router(router = text_tools, vis = "pub(super)")]
impl StudioServer {
    /// Writes a post's text in an agent's character, about a headline, within a channel's limits.
    #[tool(
        title = "Write a post",
        output_schema = output_schema::<TextAnswer>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn generate_text(&self, Parameters(request): Parameters<TextRequest>) -> Result<CallToolResult, ErrorData> {
        match self.text(request).await {
            Ok(made) => Ok(CallToolResult::structured(structured(TextAnswer::Made(made))?)),
            Err(StudioError::Mind(error)) => {
                let failed = failed(&error);
                tracing::warn!(error = %failed.error.message, cost_usd = %failed.cost_usd, "the mind did not write");
                let mut result = CallToolResult::error(vec![ContentBlock::text(failed.error.message.clone())]);
                result.structured_content = Some(structured(TextAnswer::Failed(failed))?);
                Ok(result)
            }
            Err(error) => Ok(refusal(&error)),
        }
    }
}

impl StudioServer {
    async fn text(&self, request: TextRequest) -> Result<TextMade, StudioError> {
        let character = character(request.character_reference_id.as_deref())?;
        if character != request.persona.character_reference_id {
            return Err(StudioError::OtherCharacter { asked: character, persona: request.persona.slug });
        }
        let ask = WriteAsk {
            persona: PersonaBrief::from(&request.persona),
            goal: request.goal,
            headline: request.headline,
            summary: request.summary,
            channel: request.channel,
            text_chars_max: request.text_chars_max,
            hashtags_max: request.hashtags_max,
            correction: request.correction,
            context: request.context.unwrap_or_default(),
            reply: request.reply,
            seed: request.seed.unwrap_or_default(),
            budget: request.budget_usd,
        };
        let answer = self.mind().write(&ask).await.map_err(StudioError::Mind)?;
        let Draft { text, hashtags, alt_text, kicker, cover_line, self_score } = answer.value;
        Ok(TextMade {
            text,
            hashtags,
            alt_text,
            kicker,
            cover_line,
            self_score,
            model: answer.source.credit(),
            input_tokens: answer.usage.input,
            output_tokens: answer.usage.output,
            cost_usd: answer.cost.to_string(),
        })
    }
}

fn structured(answer: TextAnswer) -> Result<serde_json::Value, ErrorData> {
    serde_json::to_value(answer).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// A mind's failure, with a hint on whether another try may go better, and what it cost.
fn failed(error: &MindError) -> TextFailed {
    let (retryable, retry_after_ms) = match error.retry() {
        Retry::Now => (true, None),
        Retry::After(wait) => (true, u64::try_from(wait.as_millis()).ok()),
        Retry::Never => (false, None),
    };
    let error_body = TextError { message: error_chain(error), retryable, retry_after_ms };
    TextFailed { error: error_body, cost_usd: error.spent().to_string() }
}
