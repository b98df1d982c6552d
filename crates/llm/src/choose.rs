//! Which mind a process gets, and why.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chimera_domain::Ambient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    ConfigProblem, GeminiMind, Mind, MindError, OfflineMind, PriceTable,
    gemini::{GeminiSettings, is_alive},
};

const BASE_URL: &str = "https://generativelanguage.googleapis.com/v1beta";
const FLASH: &str = "gemini-3.8-flash";
const KEY_ENV: &str = "GEMINI_API_KEY";
/// Google's own tools read this one too.
const KEY_ENV_OTHER: &str = "GOOGLE_API_KEY";
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long `auto` waits for a sign of life before it goes offline.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// Which mind to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Gemini when there is a key and a network, else offline.
    #[default]
    Auto,
    /// Always offline, even with a key.
    Offline,
    /// Always Gemini; without a key the process doesn't start.
    Gemini,
}

/// The `mind` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MindConfig {
    /// Which mind to use.
    pub provider: Provider,
    /// The model that scores and writes.
    pub fast_model: String,
    /// The model that judges.
    pub strong_model: String,
    /// Where the API is, version included.
    pub base_url: String,
    /// The environment variable that holds the key. The key itself never stands in a configuration.
    pub api_key_env: String,
    /// The longest one call may take, in milliseconds, 100 to 600000.
    pub timeout_ms: u64,
    /// Tries after the first when the API is busy or down, 0 to 10.
    pub retries: u32,
    /// The longest pause between tries, in milliseconds, 10 to 300000. When the API asks for more, the task waits in
    /// its queue instead.
    pub retry_pause_ms_max: u64,
    /// The longest answer, thinking included, in tokens, 256 to 65536. A call's worst case is priced by it.
    pub output_tokens_max: u32,
    /// A price table to use instead of the one inside the program.
    pub prices: Option<PathBuf>,
}

impl Default for MindConfig {
    fn default() -> Self {
        Self {
            provider: Provider::Auto,
            fast_model: FLASH.to_owned(),
            strong_model: FLASH.to_owned(),
            base_url: BASE_URL.to_owned(),
            api_key_env: KEY_ENV.to_owned(),
            timeout_ms: 60_000,
            retries: 3,
            retry_pause_ms_max: 20_000,
            output_tokens_max: 4_096,
            prices: None,
        }
    }
}

impl MindConfig {
    /// Checks every value, whichever provider is chosen.
    ///
    /// # Errors
    /// [`MindError::Config`] with the key and what would be right.
    pub fn validate(&self) -> Result<(), MindError> {
        within("timeout_ms", self.timeout_ms, 100, 600_000)?;
        within("retries", u64::from(self.retries), 0, 10)?;
        within("retry_pause_ms_max", self.retry_pause_ms_max, 10, 300_000)?;
        within("output_tokens_max", u64::from(self.output_tokens_max), 256, 65_536)?;
        for (key, model) in [("fast_model", &self.fast_model), ("strong_model", &self.strong_model)] {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
            if model.is_empty() || !model.chars().all(plain) {
                return Err(wrong(ConfigProblem::BadModel { key, found: model.clone() }));
            }
        }
        self.settings().map(drop)?;
        self.price_table().map(drop)
    }

    fn settings(&self) -> Result<GeminiSettings, MindError> {
        Ok(GeminiSettings {
            base_url: self.url()?,
            fast_model: self.fast_model.clone(),
            strong_model: self.strong_model.clone(),
            timeout: Duration::from_millis(self.timeout_ms),
            retries: usize::try_from(self.retries).unwrap_or(0),
            retry_pause: FIRST_PAUSE.min(Duration::from_millis(self.retry_pause_ms_max)),
            retry_pause_max: Duration::from_millis(self.retry_pause_ms_max),
            output_tokens_max: self.output_tokens_max,
        })
    }

    fn url(&self) -> Result<Url, MindError> {
        // A URL with a password in it is refused without being repeated.
        let bad = |found: &str| wrong(ConfigProblem::BadUrl { found: found.to_owned(), default: BASE_URL });
        let url = Url::parse(&self.base_url).map_err(|_| bad(&self.base_url))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("one with a user or password in it"));
        }
        let carries = matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.query().is_none();
        if carries { Ok(url) } else { Err(bad(&self.base_url)) }
    }

    fn price_table(&self) -> Result<PriceTable, MindError> {
        self.prices.as_deref().map_or_else(PriceTable::built_in, PriceTable::read)
    }

    /// The key and the variable it came from. An empty one counts as none.
    fn key(&self, env: &dyn Fn(&str) -> Option<String>) -> Option<(String, String)> {
        let mut names = vec![self.api_key_env.as_str()];
        if self.api_key_env == KEY_ENV {
            names.push(KEY_ENV_OTHER);
        }
        names
            .into_iter()
            .find_map(|name| env(name).filter(|key| !key.trim().is_empty()).map(|key| (name.to_owned(), key)))
    }

    fn gemini(&self, (key_env, key): &(String, String), ambient: Arc<dyn Ambient>) -> Result<Arc<dyn Mind>, MindError> {
        Ok(Arc::new(GeminiMind::new(self.settings()?, key, key_env, self.price_table()?, ambient)?))
    }
}

/// The mind for a configuration, and the line to print: which mind, and why. `env` looks up environment variables.
///
/// With provider `auto` and a key, one request without the key checks whether anything answers at `base_url`; if
/// nothing does within three seconds, the process goes offline rather than failing at every step.
///
/// # Errors
/// [`MindError::Config`] when the configuration is wrong, or Gemini is demanded and there is no key.
pub async fn choose(
    config: &MindConfig,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
    ambient: Arc<dyn Ambient>,
) -> Result<(Arc<dyn Mind>, String), MindError> {
    config.validate()?;
    let key = config.key(&|name| env(name));
    let offline = |why: String| -> Result<(Arc<dyn Mind>, String), MindError> {
        let mind: Arc<dyn Mind> = Arc::new(OfflineMind::new()?);
        let line = format!("mind: offline ({why}); {}", mind.about().note);
        Ok((mind, line))
    };
    match (config.provider, key) {
        (Provider::Offline, _) => offline("the configuration says so".to_owned()),
        (Provider::Auto, None) => offline(format!("{} is not set", config.api_key_env)),
        (Provider::Gemini, None) => Err(wrong(ConfigProblem::NoKey(config.api_key_env.clone()))),
        (Provider::Auto, Some(_)) if !is_alive(&config.url()?, SIGN_OF_LIFE).await => {
            offline(format!("nothing answers at {}", config.base_url))
        }
        (provider, Some(key)) => {
            let mind = config.gemini(&key, ambient)?;
            let why = match provider {
                Provider::Gemini => "the configuration says so",
                Provider::Auto | Provider::Offline => "a key is set",
            };
            let line = format!(
                "mind: gemini ({why}, from {}); {} writes, {} judges",
                key.0, config.fast_model, config.strong_model
            );
            Ok((mind, line))
        }
    }
}

fn within(key: &'static str, found: u64, min: u64, max: u64) -> Result<(), MindError> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(wrong(ConfigProblem::Range { key, min, max, found })) }
}

fn wrong(problem: ConfigProblem) -> MindError {
    MindError::Config { problem, source: None }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    #[derive(Debug)]
    struct Still;

    impl Ambient for Still {
        fn now(&self) -> DateTime<Utc> {
            "2026-11-22T12:00:00Z".parse().unwrap()
        }

        fn random(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    async fn chosen(config: &MindConfig, vars: &[(&str, &str)]) -> Result<(Arc<dyn Mind>, String), MindError> {
        let vars: Vec<(String, String)> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        choose(config, &move |name| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()), Arc::new(Still)).await
    }

    fn gemini() -> MindConfig {
        MindConfig { provider: Provider::Gemini, ..MindConfig::default() }
    }

    #[tokio::test]
    async fn without_a_key_it_is_offline_and_says_so() {
        let (mind, line) = chosen(&MindConfig::default(), &[("GEMINI_API_KEY", "  ")]).await.unwrap();
        assert!(mind.about().offline);
        assert!(line.starts_with("mind: offline (GEMINI_API_KEY is not set)"), "{line}");
    }

    #[tokio::test]
    async fn a_key_without_a_network_is_no_use() {
        // Port 9 (discard) is closed on any ordinary machine.
        let config = MindConfig { base_url: "http://127.0.0.1:9/v1beta".to_owned(), ..MindConfig::default() };
        let (mind, line) = chosen(&config, &[("GEMINI_API_KEY", "k")]).await.unwrap();
        assert!(mind.about().offline && line.contains("nothing answers at http://127.0.0.1:9"), "{line}");
    }

    #[tokio::test]
    async fn gemini_on_demand_needs_a_key_from_either_variable() {
        let error = chosen(&gemini(), &[]).await.unwrap_err();
        assert!(matches!(error, MindError::Config { problem: ConfigProblem::NoKey(_), .. }), "{error}");
        let (mind, line) = chosen(&gemini(), &[("GOOGLE_API_KEY", "secret-key")]).await.unwrap();
        assert_eq!(mind.about().name, "gemini");
        assert!(line.contains("from GOOGLE_API_KEY") && !line.contains("secret-key"), "{line}");
        let own = MindConfig { api_key_env: "MY_KEY".to_owned(), ..gemini() };
        assert!(chosen(&own, &[("GOOGLE_API_KEY", "k")]).await.is_err());
        let bad = chosen(&gemini(), &[("GEMINI_API_KEY", "a\nb")]).await.unwrap_err();
        assert!(matches!(bad, MindError::Config { problem: ConfigProblem::BadKey(_), .. }), "{bad}");
    }

    #[tokio::test]
    async fn offline_on_demand_ignores_the_key() {
        let config = MindConfig { provider: Provider::Offline, ..MindConfig::default() };
        assert!(chosen(&config, &[("GEMINI_API_KEY", "k")]).await.unwrap().0.about().offline);
    }

    #[test]
    fn wrong_values_are_named() {
        let cases: [(MindConfig, &str); 6] = [
            (MindConfig { timeout_ms: 1, ..MindConfig::default() }, "`timeout_ms` must lie in 100..=600000"),
            (MindConfig { retries: 11, ..MindConfig::default() }, "`retries`"),
            (MindConfig { base_url: "ftp://x".to_owned(), ..MindConfig::default() }, "`base_url`"),
            (MindConfig { base_url: "https://u:hunter2@x/".to_owned(), ..MindConfig::default() }, "`base_url`"),
            (MindConfig { fast_model: "a b".to_owned(), ..MindConfig::default() }, "`fast_model`"),
            (MindConfig { prices: Some("/nowhere".into()), ..MindConfig::default() }, "/nowhere"),
        ];
        for (config, part) in cases {
            let MindError::Config { problem, .. } = config.validate().unwrap_err() else { panic!("{part}") };
            assert!(problem.to_string().contains(part), "{problem}");
            assert!(!problem.to_string().contains("hunter2"));
        }
        MindConfig::default().validate().unwrap();
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<MindConfig>(r#"{"provider": "auto", "api_key": "k"}"#).is_err());
        let config: MindConfig = serde_json::from_str(r#"{"provider": "offline"}"#).unwrap();
        assert_eq!((config.provider, config.retries), (Provider::Offline, 3));
    }
}
