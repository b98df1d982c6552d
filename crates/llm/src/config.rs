//! The `mind` section of the configuration.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{ConfigProblem, MindError, PriceEntry, api::Prompts, price::PriceTable};

/// The backend that needs nothing.
pub(crate) const OFFLINE: &str = "offline";
const REFERENCE: &str = "secret://";

/// Which mind to use, where `roles` says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The first of Gemini, Anthropic and OpenAI that has a key in the environment, if there is a network; else offline.
    #[default]
    Auto,
    /// Always offline, even with a key.
    Offline,
    /// Always Gemini; without a key the process doesn't start.
    Gemini,
    /// Always Anthropic; without a key the process doesn't start.
    Anthropic,
    /// Always OpenAI; without a key the process doesn't start.
    Openai,
    /// A server that speaks OpenAI's chat completions, at `base_url`: Ollama, llama.cpp, vLLM, OpenRouter and others.
    Compatible,
}

/// What a backend speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Google's `generateContent`.
    Gemini,
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's chat completions.
    Openai,
    /// Chat completions of another server: Ollama, llama.cpp, vLLM, OpenRouter and others.
    Compatible,
}

impl Kind {
    /// Those with an address and a key of their own, in the order in which `auto` looks for a key.
    pub(crate) const VENDORS: [Self; 3] = [Self::Gemini, Self::Anthropic, Self::Openai];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Compatible => "compatible",
        }
    }

    pub(crate) const fn base_url(self) -> &'static str {
        match self {
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Openai => "https://api.openai.com/v1",
            Self::Compatible => "http://127.0.0.1:11434/v1",
        }
    }

    /// The models that score and write, and that judge, unless others are named.
    pub(crate) const fn models(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Gemini => Some(("gemini-3.8-flash", "gemini-3.8-flash")),
            Self::Anthropic => Some(("claude-haiku-5-5", "claude-sonnet-5-5")),
            Self::Openai => Some(("gpt-6-luna", "gpt-6.1-terra")),
            Self::Compatible => None,
        }
    }

    /// The environment variables that hold its key, as the vendor's own tools read them.
    pub(crate) const fn key_variables(self) -> &'static [&'static str] {
        match self {
            Self::Gemini => &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
            Self::Anthropic => &["ANTHROPIC_API_KEY"],
            Self::Openai => &["OPENAI_API_KEY"],
            Self::Compatible => &[],
        }
    }

    /// The environment variable that moves it to another address, as the vendor's own tools read it.
    pub(crate) const fn url_variable(self) -> Option<&'static str> {
        match self {
            // Google's holds no version, unlike our base URL.
            Self::Gemini | Self::Compatible => None,
            Self::Anthropic => Some("ANTHROPIC_BASE_URL"),
            Self::Openai => Some("OPENAI_BASE_URL"),
        }
    }
}

impl Provider {
    /// What it speaks, if it is one backend.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Auto | Self::Offline => None,
            Self::Gemini => Some(Kind::Gemini),
            Self::Anthropic => Some(Kind::Anthropic),
            Self::Openai => Some(Kind::Openai),
            Self::Compatible => Some(Kind::Compatible),
        }
    }
}

/// A backend: an API at an address, with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
    /// What it speaks.
    pub kind: Kind,
    /// Where the API is, version included; left out, the vendor's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Where the key is: `secret://env/NAME` or `secret://file/PATH`. The key itself never stands in a configuration. Left
    /// out, the vendor's own environment variable; a `compatible` server may need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Its tokens cost nothing, as those of a server of one's own.
    #[serde(default)]
    pub free: bool,
}

/// Who answers which question. Each next one is asked when those before it can't answer: down, busy, or unable to keep to the
/// form. The judge's model may, and had better, be another one than the writer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesConfig {
    /// How relevant is this?
    pub score: Vec<SeatConfig>,
    /// Write this in character.
    pub write: Vec<SeatConfig>,
    /// Judge this.
    pub judge: Vec<SeatConfig>,
}

/// A model of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatConfig {
    /// One of `backends`, or `gemini`, `anthropic` or `openai` with the key in their environment variable, or `offline`.
    pub backend: String,
    /// The model; left out, the vendor's usual one for the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// The `mind` section of the configuration: either `provider` with a model or two, or `roles` over several backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MindConfig {
    /// Which mind to use, where `roles` says nothing. `offline` wins over `roles`.
    pub provider: Provider,
    /// The provider's model that scores and writes; left out, the vendor's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fast_model: Option<String>,
    /// The provider's model that judges; left out, the vendor's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strong_model: Option<String>,
    /// Where the provider's API is, version included; left out, the vendor's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Where the provider's key is: `secret://env/NAME` or `secret://file/PATH`. Left out, the vendor's own environment
    /// variable (`GEMINI_API_KEY`, `ANTHROPIC_API_KEY`, `OPENAI_API_KEY`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The provider's tokens cost nothing, as those of a server of one's own.
    pub free: bool,
    /// Backends by name, for `roles`.
    pub backends: BTreeMap<String, BackendConfig>,
    /// Who answers which question, in place of `provider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<RolesConfig>,
    /// Whether the next of a role is asked when a safety filter blocked the question or the answer. A refusal stands otherwise.
    pub ask_others_when_blocked: bool,
    /// The longest one call may take, in milliseconds, 100 to 600000.
    pub timeout_ms: u64,
    /// Tries after the first when the API is busy or down, 0 to 10.
    pub retries: u32,
    /// The longest pause between tries, in milliseconds, 10 to 300000. When the API asks for more, the task waits in
    /// its queue instead.
    pub retry_pause_ms_max: u64,
    /// The longest answer, thinking included, in tokens, 256 to 65536. A call's worst case is priced by it.
    pub output_tokens_max: u32,
    /// Prices by model, in dollars per million tokens; they take the place of those inside the program.
    pub prices: BTreeMap<String, Vec<PriceEntry>>,
    /// A folder of prompts, `NAME.vN.md` each, that take the place of those inside the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<PathBuf>,
}

impl Default for MindConfig {
    fn default() -> Self {
        Self {
            provider: Provider::Auto,
            fast_model: None,
            strong_model: None,
            base_url: None,
            api_key: None,
            free: false,
            backends: BTreeMap::new(),
            roles: None,
            ask_others_when_blocked: false,
            timeout_ms: 60_000,
            retries: 3,
            retry_pause_ms_max: 20_000,
            output_tokens_max: 4_096,
            prices: BTreeMap::new(),
            prompts: None,
        }
    }
}

impl MindConfig {
    /// Checks every value, whichever mind is chosen.
    ///
    /// # Errors
    /// [`MindError::Config`] with the key and what would be right.
    pub fn validate(&self) -> Result<(), MindError> {
        within("timeout_ms", self.timeout_ms, 100, 600_000)?;
        within("retries", u64::from(self.retries), 0, 10)?;
        within("retry_pause_ms_max", self.retry_pause_ms_max, 10, 300_000)?;
        within("output_tokens_max", u64::from(self.output_tokens_max), 256, 65_536)?;
        let own = [&self.fast_model, &self.strong_model, &self.base_url, &self.api_key];
        let says_more = own.into_iter().any(Option::is_some) || self.free;
        if self.roles.is_some() && (says_more || self.provider.kind().is_some()) {
            return Err(roles(
                "with `roles`, leave `provider` and its model, address and key out, and say these in `backends`",
            ));
        }
        if self.provider == Provider::Auto && says_more {
            return Err(roles("name the `provider` whose model, address or key this is"));
        }
        for (key, model) in [("fast_model", &self.fast_model), ("strong_model", &self.strong_model)] {
            check_model(key, model.as_deref())?;
        }
        check_backend("", self.base_url.as_deref(), self.api_key.as_deref())?;
        if self.provider == Provider::Compatible && self.fast_model.is_none() {
            return Err(wrong(ConfigProblem::NoModel("fast_model")));
        }
        for (name, backend) in &self.backends {
            if name == OFFLINE {
                return Err(roles("`offline` is a backend already; give yours another name"));
            }
            let key = format!("backends.{name}.");
            check_backend(&key, backend.base_url.as_deref(), backend.api_key.as_deref())?;
        }
        self.roles.iter().try_for_each(|roles| self.check_roles(roles))?;
        PriceTable::with(&self.prices)?;
        Prompts::load(self.prompts.as_deref()).map(drop)
    }

    fn check_roles(&self, given: &RolesConfig) -> Result<(), MindError> {
        for (role, seats) in given.all() {
            if seats.is_empty() {
                return Err(roles(
                    "each of `roles.score`, `roles.write` and `roles.judge` needs at least one to answer",
                ));
            }
            for seat in seats {
                check_model(&format!("roles.{role}"), seat.model.as_deref())?;
                if seat.backend == OFFLINE {
                    continue;
                }
                let Some(backend) = self.backend(&seat.backend) else {
                    let vendors = Kind::VENDORS.map(Kind::name);
                    let known = self.backends.keys().map(String::as_str).chain(vendors).chain([OFFLINE]);
                    let known = known.collect::<Vec<_>>().join(", ");
                    let backend = seat.backend.clone();
                    return Err(wrong(ConfigProblem::NoBackend { role, backend, known }));
                };
                if seat.model.is_none() && backend.kind.models().is_none() {
                    return Err(wrong(ConfigProblem::NoModel("model")));
                }
            }
        }
        Ok(())
    }

    /// A backend by its name: one of the configuration's, or a vendor's.
    pub(crate) fn backend(&self, name: &str) -> Option<BackendConfig> {
        let vendor = || {
            let kind = Kind::VENDORS.into_iter().find(|kind| kind.name() == name)?;
            Some(BackendConfig { kind, base_url: None, api_key: None, free: false })
        };
        self.backends.get(name).cloned().or_else(vendor)
    }

    /// Every reference that choosing a mind may look up: what they name must be fetched before.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        let keys = self.backends.values().map(|backend| &backend.api_key).chain([&self.api_key]).flatten().cloned();
        let variables = Kind::VENDORS
            .into_iter()
            .flat_map(|kind| kind.key_variables().iter().copied().chain(kind.url_variable()))
            .map(env);
        keys.chain(variables).collect()
    }
}

impl RolesConfig {
    pub(crate) fn all(&self) -> [(&'static str, &[SeatConfig]); 3] {
        [("score", &self.score), ("write", &self.write), ("judge", &self.judge)]
    }
}

/// A reference to an environment variable.
pub(crate) fn env(variable: &str) -> String {
    format!("{REFERENCE}env/{variable}")
}

/// A base URL that can carry calls. One with a password in it is refused without being repeated.
pub(crate) fn address(key: &str, text: &str) -> Result<Url, MindError> {
    let bad = |found: &str| {
        wrong(ConfigProblem::BadUrl {
            key: format!("{key}base_url"),
            found: found.to_owned(),
            default: Kind::Gemini.base_url(),
        })
    };
    let url = Url::parse(text).map_err(|_| bad(text))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("one with a user or password in it"));
    }
    let carries = matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.query().is_none();
    if carries && url.fragment().is_none() { Ok(url) } else { Err(bad(text)) }
}

fn check_backend(key: &str, base_url: Option<&str>, api_key: Option<&str>) -> Result<(), MindError> {
    base_url.map(|text| address(key, text)).transpose()?;
    match api_key {
        Some(text) if !text.starts_with(REFERENCE) => Err(wrong(ConfigProblem::BareKey(format!("{key}api_key")))),
        _ => Ok(()),
    }
}

fn check_model(key: &str, model: Option<&str>) -> Result<(), MindError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/' | ':');
    match model {
        Some(model) if model.is_empty() || !model.chars().all(plain) => {
            Err(wrong(ConfigProblem::BadModel { key: key.to_owned(), found: model.to_owned() }))
        }
        _ => Ok(()),
    }
}

fn within(key: &'static str, found: u64, min: u64, max: u64) -> Result<(), MindError> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(wrong(ConfigProblem::Range { key, min, max, found })) }
}

fn roles(problem: &'static str) -> MindError {
    wrong(ConfigProblem::Roles(problem))
}

pub(crate) fn wrong(problem: ConfigProblem) -> MindError {
    MindError::Config { problem, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_named() {
        let cases = [
            (r#"{"timeout_ms": 1}"#, "`timeout_ms` must lie in 100..=600000"),
            (r#"{"retries": 11}"#, "`retries`"),
            (r#"{"provider": "gemini", "base_url": "ftp://x"}"#, "`base_url`"),
            (r#"{"provider": "gemini", "base_url": "https://u:hunter2@x/"}"#, "`base_url`"),
            (r#"{"provider": "gemini", "fast_model": "a b"}"#, "`fast_model`"),
            (r#"{"provider": "gemini", "api_key": "hunter2"}"#, "`api_key` must be a reference"),
            (r#"{"fast_model": "gemini-3.8-flash"}"#, "name the `provider`"),
            (r#"{"provider": "compatible"}"#, "`fast_model` must name a model"),
            (r#"{"prices": {"m": []}}"#, "`m` has no price"),
            (r#"{"prompts": "/nowhere"}"#, "/nowhere"),
            (r#"{"backends": {"offline": {"kind": "gemini"}}}"#, "another name"),
            (r#"{"backends": {"x": {"kind": "openai", "api_key": "hunter2"}}}"#, "`backends.x.api_key`"),
            (r#"{"backends": {"x": {"kind": "openai", "base_url": "x"}}}"#, "`backends.x.base_url`"),
        ];
        for (config, part) in cases {
            let config: MindConfig = serde_json::from_str(config).unwrap();
            let MindError::Config { problem, .. } = config.validate().unwrap_err() else { panic!("{part}") };
            assert!(problem.to_string().contains(part), "{problem}");
            assert!(!problem.to_string().contains("hunter2"));
        }
        MindConfig::default().validate().unwrap();
    }

    #[test]
    fn roles_must_be_whole_and_alone() {
        let seat = |backend: &str| format!(r#"[{{"backend": "{backend}"}}]"#);
        let roles = |score: &str, judge: &str, more: &str| {
            let text = format!(
                r#"{{"roles": {{"score": {score}, "write": [{{"backend": "openai"}}], "judge": {judge}}} {more}}}"#
            );
            serde_json::from_str::<MindConfig>(&text).unwrap().validate().map_err(|error| error.to_string())
        };
        roles(&seat("gemini"), &seat("offline"), "").unwrap();
        roles(&seat("gemini"), &seat("offline"), r#", "provider": "offline""#).unwrap();
        for (told, part) in [
            (roles("[]", &seat("gemini"), ""), "at least one"),
            (roles(&seat("gemmini"), &seat("gemini"), ""), "`roles.score` names the backend `gemmini`"),
            (roles(&seat("gemini"), &seat("gemini"), r#", "provider": "gemini""#), "leave `provider`"),
            (roles(&seat("gemini"), &seat("gemini"), r#", "provider": "offline", "free": true"#), "leave `provider`"),
            (
                roles(&seat("local"), &seat("gemini"), r#", "backends": {"local": {"kind": "compatible"}}"#),
                "`model` must name a model",
            ),
        ] {
            let told = told.unwrap_err();
            assert!(told.contains(part), "{told}");
        }
        assert!(serde_json::from_str::<MindConfig>(r#"{"roles": {"score": []}}"#).is_err());
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<MindConfig>(r#"{"provider": "auto", "key": "k"}"#).is_err());
        let config: MindConfig = serde_json::from_str(r#"{"provider": "offline"}"#).unwrap();
        assert_eq!((config.provider, config.retries), (Provider::Offline, 3));
    }
}
