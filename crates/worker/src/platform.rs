//! The platform, as the publisher sees it: a call that may put a post out, and a look at whether it is out.

use std::{sync::Arc, time::Duration};

use chimera_domain::{
    Ambient, ToolCall, error_chain,
    policy::{CallEnd, Look, PlatformAbilities},
};
use chimera_mcp::{CallClass, CallContext, CallError, Host, Permit, ToolOutput};
use chimera_media::Credentials;
use chimera_store::{Blobs, PublishCase};
use serde_json::{Map, Value, json};

use crate::{
    PublisherConfig,
    executor::{named, text_at},
    links::add_links,
};

const PUBLISH: &str = "publish_post";
const FIND: &str = "find_post";

/// A post that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) external_id: String,
    pub(crate) url: Option<String>,
}

/// How a call to publish ended.
#[derive(Debug)]
pub(crate) enum Call {
    /// It is out.
    Out(Post),
    /// The platform said no: the post's id is taken.
    Taken(String),
    /// The platform said no, for good.
    Refused(String),
    /// It certainly had no effect; the platform may ask for a rest.
    NoEffect(String, Option<Duration>),
    /// Nobody can tell.
    Unclear(String),
    /// Nothing was sent, for the post has no permit any more.
    Withheld(String),
}

impl Call {
    /// How it ended, for the policy.
    pub(crate) const fn end(&self) -> CallEnd {
        match self {
            Self::Out(_) => CallEnd::Out,
            Self::Taken(_) => CallEnd::Taken,
            Self::Refused(_) => CallEnd::Refused,
            Self::NoEffect(..) => CallEnd::NoEffect,
            Self::Unclear(_) => CallEnd::Unclear,
            Self::Withheld(_) => CallEnd::Withheld,
        }
    }
}

/// What a look at the platform shows.
#[derive(Debug)]
pub(crate) enum Sight {
    /// It is out.
    Out(Post),
    /// The platform says that it has no such post.
    NotThere,
    /// The platform can't be asked, or gave no clear answer.
    CantTell(String),
}

impl Sight {
    /// What it shows, for the policy.
    pub(crate) const fn look(&self) -> Look {
        match self {
            Self::Out(_) => Look::Out,
            Self::NotThere => Look::NotThere,
            Self::CantTell(_) => Look::CantTell,
        }
    }
}

/// The platform behind the publishing roles.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    host: Arc<Host>,
    blobs: Blobs,
    abilities: PlatformAbilities,
    /// In lower case.
    taken_says: Option<String>,
    ambient: Arc<dyn Ambient>,
}

impl Platform {
    pub(crate) fn new(host: Arc<Host>, blobs: Blobs, config: &PublisherConfig, ambient: Arc<dyn Ambient>) -> Self {
        let taken_says = config.taken_says.as_ref().map(|words| words.to_lowercase());
        Self { host, blobs, abilities: config.platform.unwrap_or_default(), taken_says, ambient }
    }

    /// What it can do, by the operator's word.
    pub(crate) const fn abilities(&self) -> PlatformAbilities {
        self.abilities
    }

    /// Whether it can be asked for a post.
    pub(crate) fn can_be_asked(&self) -> bool {
        self.abilities.look_up && self.host.has_role(FIND)
    }

    /// Publishes, once and with this permit; what is not what was judged stays here.
    pub(crate) async fn publish(&self, case: &PublishCase, permit: Permit, calls: &mut Vec<ToolCall>) -> Call {
        if !case.artifact.is_intact() {
            return Call::Refused("its content is not what was made and judged: it was changed since".to_owned());
        }
        let refused: Vec<String> =
            case.artifact.post().violations().into_iter().filter(|v| !v.is_advice()).map(|v| v.to_string()).collect();
        if !refused.is_empty() {
            return Call::Refused(format!(
                "{} would not take it, or we may not send it: {}",
                case.artifact.channel,
                refused.join("; ")
            ));
        }
        for media in &case.artifact.media {
            let bytes = match self.blobs.get(&media.sha256, &media.mime).await {
                Ok(bytes) => bytes,
                // It may come back, as a folder does that several machines share.
                Err(error) => return Call::NoEffect(error_chain(&error), None),
            };
            let (persona, trace_id) = (&case.agent.persona_slug, case.artifact.trace_id);
            if let Err(error) = Credentials::check(bytes, &media.mime, persona, trace_id).await {
                return Call::Refused(error_chain(&error));
            }
        }
        let (mut variables, now) = (self.variables(case), self.ambient.now());
        let media = &case.artifact.media;
        if let Err(error) = add_links(&mut variables, (&self.host, PUBLISH), &self.blobs, media, now).await {
            return Call::NoEffect(error_chain(&error), None);
        }
        let made = self.host.call(&context(case).with_permit(permit), PUBLISH, &variables).await;
        calls.extend(made.calls);
        match made.result {
            Ok(output) => match post_in(&output) {
                Some(post) => Call::Out(post),
                None => Call::Unclear("the platform answered without a post id".to_owned()),
            },
            Err(CallError::Withheld { why, .. }) => Call::Withheld(why),
            Err(error) => {
                let message = error_chain(&error);
                match error.class() {
                    CallClass::Refused if self.is_taken(&error, &message) => Call::Taken(message),
                    CallClass::Refused => Call::Refused(message),
                    CallClass::Failed => Call::NoEffect(message, error.retry_after()),
                    CallClass::Unknown => Call::Unclear(message),
                }
            }
        }
    }

    /// Asks for the post.
    pub(crate) async fn look_up(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> Sight {
        if !self.can_be_asked() {
            return Sight::CantTell("this platform can't be asked whether a post is out".to_owned());
        }
        let mut variables = Map::new();
        variables.insert("idempotency_key".into(), json!(case.publication.idempotency_key));
        variables.insert("account".into(), json!(case.agent.persona_slug));
        let asked = self.host.call(&context(case), FIND, &variables).await;
        calls.extend(asked.calls);
        match asked.result {
            Ok(output) => sight_in(&output),
            Err(error) => {
                let why = error_chain(&error);
                Sight::CantTell(format!("the platform can't be asked whether the post is out: {why}"))
            }
        }
    }

    fn is_taken(&self, error: &CallError, message: &str) -> bool {
        error.says_it_exists() || self.taken_says.as_ref().is_some_and(|says| message.to_lowercase().contains(says))
    }

    fn variables(&self, case: &PublishCase) -> Map<String, Value> {
        let artifact = &case.artifact;
        let media: Vec<Value> = artifact
            .media
            .iter()
            .map(|m| {
                let uri = self.blobs.uri(&m.sha256, &m.mime);
                json!({
                    "sha256": m.sha256, "mime": m.mime, "alt_text": m.alt_text, "width": m.width, "height": m.height,
                    "duration_ms": m.duration_ms, "bytes": m.bytes, "captions_vtt": m.captions_vtt,
                    "uri": uri.unwrap_or_default(),
                })
            })
            .collect();
        let mut variables = Map::new();
        variables.insert("account".into(), json!(case.agent.persona_slug));
        variables.insert("channel".into(), json!(artifact.channel));
        variables.insert("text".into(), json!(artifact.text));
        variables.insert("hashtags".into(), json!(artifact.hashtags));
        variables.insert("media".into(), json!(media));
        variables.insert("ai_generated".into(), json!(artifact.disclosure.ai_generated));
        variables.insert("ai_label".into(), json!(artifact.disclosure.label));
        variables.insert("ai_fields".into(), artifact.channel.ai_fields());
        if let Some(remark) = &artifact.in_reply_to {
            variables.insert("in_reply_to".into(), json!(remark));
        }
        variables.insert("idempotency_key".into(), json!(case.publication.idempotency_key));
        variables
    }
}

fn context(case: &PublishCase) -> CallContext {
    CallContext::new(case.task.trace_id)
        .for_task(case.task.id)
        .with_idempotency_key(case.publication.idempotency_key.clone())
}

/// The post that an answer names.
fn post_in(output: &ToolOutput) -> Option<Post> {
    let external_id = text_at(output, "post_id").filter(|id| !id.is_empty())?.to_owned();
    Some(Post { external_id, url: text_at(output, "url").map(str::to_owned) })
}

/// What an answer to "is it out?" says. "No" must be said: `"post": null`, or `"found": false`. An answer that says
/// neither is none, for a post that is overlooked goes out twice.
fn sight_in(output: &ToolOutput) -> Sight {
    let post = named(output, "post").filter(|post| !post.is_null());
    let field = |key: &str| post.and_then(|p| p.get(key)).and_then(Value::as_str);
    let found = named(output, "found").and_then(Value::as_bool);
    let said_null = named(output, "post").is_some_and(Value::is_null);
    if let Some(id) = field("post_id").or_else(|| text_at(output, "post_id")).filter(|id| !id.is_empty()) {
        let url = field("url").or_else(|| text_at(output, "url")).map(str::to_owned);
        return Sight::Out(Post { external_id: id.to_owned(), url });
    }
    if post.is_none() && (found == Some(false) || (said_null && found.is_none())) {
        return Sight::NotThere;
    }
    Sight::CantTell("the platform's answer does not say whether the post is out".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(structured: Value) -> ToolOutput {
        ToolOutput {
            server: "platform".to_owned(),
            tool: "find".to_owned(),
            structured,
            text: String::new(),
            media: vec![],
            links: vec![],
            results: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn only_a_clear_no_is_a_no() {
        for no in [json!({"post": null}), json!({"found": false}), json!({"found": false, "post": null})] {
            assert!(matches!(sight_in(&output(no.clone())), Sight::NotThere), "{no}");
        }
        let unclear = [
            json!(null),
            json!({}),
            json!({"found": true}),
            json!({"post": {}}),
            json!({"post": "p-1"}),
            json!({"found": true, "post": null}),
            json!({"post": {"post_id": ""}}),
        ];
        for answer in unclear {
            assert!(matches!(sight_in(&output(answer.clone())), Sight::CantTell(_)), "{answer}");
        }
    }

    #[test]
    fn a_post_is_read_from_its_own_fields_or_those_the_role_names() {
        let post = Post { external_id: "p-1".to_owned(), url: Some("https://x.test/1".to_owned()) };
        let nested = output(json!({"found": true, "post": {"post_id": "p-1", "url": "https://x.test/1"}}));
        assert!(matches!(sight_in(&nested), Sight::Out(found) if found == post));
        let mut foreign = output(json!({"data": {"id": "p-1", "link": "https://x.test/1"}}));
        foreign.results.insert("post_id".to_owned(), json!("p-1"));
        foreign.results.insert("url".to_owned(), json!("https://x.test/1"));
        assert!(matches!(sight_in(&foreign), Sight::Out(found) if found == post));
        assert_eq!(post_in(&foreign), Some(post));
        assert_eq!(post_in(&output(json!({"post_id": ""}))), None);
    }
}
