//! The tool `generate_text`: the studio's writer is whichever mind it was given.

use chimera_domain::{Channel, Score, Soul, error_chain};
use chimera_llm::{Draft, MindError, PersonaBrief, Retry, WriteAsk};
use rmcp::handler::server::tool::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::{ErrorData, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::StudioError;
use super::request::character;
use super::server::{StudioServer, refusal};

/// What to write.
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
    /// The model that wrote it.
    pub model: String,
    /// Tokens read by the model.
    pub input_tokens: u64,
    /// Tokens written by the model.
    pub output_tokens: u64,
    /// What it cost, in US dollars.
    pub cost_usd: String,
}

#[tool_router(router = text_tools, vis = "pub(super)")]
impl StudioServer {
    /// Writes a post's text in an agent's character, about a headline, within a channel's limits.
    #[tool(
        title = "Write a post",
        output_schema = schema_for_output::<TextMade>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn generate_text(&self, Parameters(request): Parameters<TextRequest>) -> Result<CallToolResult, ErrorData> {
        match self.text(request).await {
            Ok(made) => {
                let value = serde_json::to_value(&made);
                let value = value.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                Ok(CallToolResult::structured(value))
            }
            Err(StudioError::Mind(error)) => Ok(mind_refusal(&error)),
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
            seed: request.seed.unwrap_or_default(),
            budget: None,
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
            model: answer.model,
            input_tokens: answer.usage.input,
            output_tokens: answer.usage.output,
            cost_usd: answer.cost.to_string(),
        })
    }
}

/// A mind's failure, with a hint on whether another try may go better.
fn mind_refusal(error: &MindError) -> CallToolResult {
    let message = error_chain(error);
    tracing::warn!(error = %message, "the mind did not write");
    let (retryable, after) = match error.retry() {
        Retry::Now => (true, None),
        Retry::After(wait) => (true, u64::try_from(wait.as_millis()).ok()),
        Retry::Never => (false, None),
    };
    let mut hint = json!({"message": message, "retryable": retryable});
    if let (Some(after), Some(hint)) = (after, hint.as_object_mut()) {
        hint.insert("retry_after_ms".to_owned(), json!(after));
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(message)]);
    result.structured_content = Some(json!({"error": hint}));
    result
}
