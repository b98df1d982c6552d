//! Which mind a process gets, and why.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chimera_domain::Ambient;

use crate::{
    ConfigProblem, Mind, MindConfig, MindError, MindInfo, OfflineMind, Provider, RolesConfig, SeatConfig,
    api::{Backend, BackendSettings, ModelMind, Prompts, is_alive},
    config::{BackendConfig, Kind, OFFLINE, address, env, wrong},
    price::{PriceTable, Tariff},
    roles::{Chair, RoledMind},
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long `auto` waits for a sign of life before it goes offline.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// Gives what a reference such as `secret://env/NAME` names, if there is anything.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// A mind that was chosen, and why.
#[derive(Debug)]
pub struct Choice {
    /// The mind.
    pub mind: Arc<dyn Mind>,
    /// A line to print: which mind, and why.
    pub line: String,
    /// Where a sign of life was looked for: only a mind that nobody asked for by name may give way to the offline one.
    alive_at: Option<url::Url>,
}

/// The mind for a configuration. What [`MindConfig::references`] names must be there to be looked up.
///
/// With provider `auto` and a key, one request without the key checks whether anything answers at the vendor's address; if
/// nothing does within three seconds, the process goes offline rather than failing at every step.
///
/// # Errors
/// [`MindError::Config`] when the configuration is wrong, or a backend is demanded and there is no key.
pub async fn choose(config: &MindConfig, lookup: &Lookup<'_>, ambient: Arc<dyn Ambient>) -> Result<Choice, MindError> {
    let choice = choose_untried(config, lookup, ambient)?;
    match &choice.alive_at {
        Some(url) if !is_alive(url, SIGN_OF_LIFE).await => offline(&format!("nothing answers at {url}")),
        _ => Ok(choice),
    }
}

/// The same without a sign of life: what would be chosen with a network.
///
/// # Errors
/// Those of [`choose`].
pub fn choose_untried(
    config: &MindConfig,
    lookup: &Lookup<'_>,
    ambient: Arc<dyn Ambient>,
) -> Result<Choice, MindError> {
    config.validate()?;
    let builder = Builder::new(config, lookup, ambient)?;
    match (config.provider, &config.roles) {
        (Provider::Offline, _) => offline("the configuration says so"),
        (_, Some(roles)) => builder.roles(roles),
        (Provider::Auto, None) => builder.auto(),
        (provider, None) => {
            let kind = provider.kind().unwrap_or(Kind::Gemini);
            let own = BackendConfig {
                kind,
                base_url: config.base_url.clone(),
                api_key: config.api_key.clone(),
                free: config.free,
            };
            builder.single(&own, "the configuration says so")
        }
    }
}

fn offline(why: &str) -> Result<Choice, MindError> {
    let mind: Arc<dyn Mind> = Arc::new(OfflineMind::new()?);
    let line = format!("mind: offline ({why}); {}", mind.about().note);
    Ok(Choice { mind, line, alive_at: None })
}

/// Builds minds, each backend and each model once.
struct Builder<'a> {
    config: &'a MindConfig,
    lookup: &'a Lookup<'a>,
    ambient: Arc<dyn Ambient>,
    prices: PriceTable,
    prompts: Arc<Prompts>,
}

impl<'a> Builder<'a> {
    fn new(config: &'a MindConfig, lookup: &'a Lookup<'a>, ambient: Arc<dyn Ambient>) -> Result<Self, MindError> {
        let prices = PriceTable::with(&config.prices)?;
        let prompts = Arc::new(Prompts::load(config.prompts.as_deref())?);
        Ok(Self { config, lookup, ambient, prices, prompts })
    }

    /// The first vendor with a key.
    fn auto(&self) -> Result<Choice, MindError> {
        let keyed: Vec<(Kind, String)> = Kind::VENDORS
            .into_iter()
            .filter_map(|kind| {
                let own = BackendConfig { kind, base_url: None, api_key: None, free: false };
                Some((kind, self.key(&own)?.0))
            })
            .collect();
        let Some((kind, _)) = keyed.first() else {
            let wanted = Kind::VENDORS.map(|kind| kind.key_variables().first().copied().unwrap_or_default());
            return offline(&format!("none of {} is set", wanted.join(", ")));
        };
        let own = BackendConfig { kind: *kind, base_url: None, api_key: None, free: false };
        let mut choice = self.single(&own, "a key is set")?;
        if keyed.len() > 1 {
            let others: Vec<&str> = keyed.iter().skip(1).map(|(_, name)| name.as_str()).collect();
            choice.line.push_str(&format!("; {} set too, and not used unless `roles` say so", others.join(", ")));
        }
        choice.alive_at = Some(self.url(kind.name(), &own)?);
        Ok(choice)
    }

    /// One backend with a model or two.
    fn single(&self, own: &BackendConfig, why: &str) -> Result<Choice, MindError> {
        let usual = own.kind.models();
        let fast = self.config.fast_model.clone().or_else(|| usual.map(|(fast, _)| fast.to_owned()));
        let strong = self.config.strong_model.clone().or_else(|| usual.map(|(_, strong)| strong.to_owned()));
        let seat =
            |model: &Option<String>| vec![SeatConfig { backend: own.kind.name().to_owned(), model: model.clone() }];
        let roles =
            RolesConfig { score: seat(&fast), write: seat(&fast), judge: seat(&strong.or_else(|| fast.clone())) };
        let from = self.key(own).map(|(name, _)| format!(", from {name}")).unwrap_or_default();
        let mind = self.build(&roles, |name| (name == own.kind.name()).then(|| own.clone()))?;
        Ok(told(mind, &format!("{why}{from}")))
    }

    fn roles(&self, roles: &RolesConfig) -> Result<Choice, MindError> {
        Ok(told(self.build(roles, |name| self.config.backend(name))?, "the configuration says so"))
    }

    fn build(
        &self,
        roles: &RolesConfig,
        find: impl Fn(&str) -> Option<BackendConfig>,
    ) -> Result<Arc<dyn Mind>, MindError> {
        let mut backends: BTreeMap<&str, Arc<Backend>> = BTreeMap::new();
        let mut chairs: BTreeMap<(&str, String), Arc<Chair>> = BTreeMap::new();
        let mut built: [Vec<Arc<Chair>>; 3] = Default::default();
        for (place, (role, seats)) in built.iter_mut().zip(roles.all()) {
            for seat in seats {
                let name = seat.backend.as_str();
                let own = find(name);
                let model = seat.model.clone().or_else(|| usual(own.as_ref()?.kind, role)).unwrap_or_default();
                let chair = match (chairs.get(&(name, model.clone())), own) {
                    (Some(there), _) => Arc::clone(there),
                    (None, None) => Arc::new(Chair::new(Arc::new(OfflineMind::new()?))),
                    (None, Some(own)) => {
                        let backend = match backends.get(name) {
                            Some(there) => Arc::clone(there),
                            None => Arc::new(self.backend(name, &own)?),
                        };
                        backends.insert(name, Arc::clone(&backend));
                        Arc::new(Chair::new(Arc::new(self.model(name, &own, backend, model.clone())?)))
                    }
                };
                chairs.insert((name, model), Arc::clone(&chair));
                place.push(chair);
            }
        }
        let note = "models over HTTP; every call is priced, and refused when it could exceed its budget".to_owned();
        Ok(Arc::new(RoledMind::new(built, self.config.ask_others_when_blocked, note)))
    }

    fn model(
        &self,
        name: &str,
        own: &BackendConfig,
        backend: Arc<Backend>,
        model: String,
    ) -> Result<ModelMind, MindError> {
        let listed = self.prices.of(&model).cloned();
        let tariff = if own.free { Some(Tariff::FREE) } else { listed };
        let no_price = || wrong(ConfigProblem::NoPrice { backend: name.to_owned(), model: model.clone() });
        let tariff = tariff.ok_or_else(no_price)?;
        Ok(ModelMind::new(backend, model, tariff, Arc::clone(&self.prompts), Arc::clone(&self.ambient)))
    }

    fn backend(&self, name: &str, own: &BackendConfig) -> Result<Backend, MindError> {
        let key = self.key(own);
        if key.is_none() && (own.kind != Kind::Compatible || own.api_key.is_some()) {
            let wanted = own.api_key.clone().unwrap_or_else(|| own.kind.key_variables().join(" or "));
            return Err(wrong(ConfigProblem::NoKey { backend: name.to_owned(), key: wanted }));
        }
        let pause_max = Duration::from_millis(self.config.retry_pause_ms_max);
        let settings = BackendSettings {
            name: name.to_owned(),
            kind: own.kind,
            base_url: self.url(name, own)?,
            timeout: Duration::from_millis(self.config.timeout_ms),
            retries: usize::try_from(self.config.retries).unwrap_or(0),
            retry_pause: FIRST_PAUSE.min(pause_max),
            retry_pause_max: pause_max,
            output_tokens_max: self.config.output_tokens_max,
        };
        let (key_name, key) = key.unzip();
        Backend::new(settings, key.as_deref(), &key_name.unwrap_or_default())
    }

    fn url(&self, name: &str, own: &BackendConfig) -> Result<url::Url, MindError> {
        let moved = || {
            let variable = own.kind.url_variable()?;
            // The vendors' tools want Anthropic's without a version, and OpenAI's with one.
            let given = (self.lookup)(&env(variable)).filter(|url| !url.trim().is_empty())?;
            let given = given.trim().trim_end_matches('/').to_owned();
            let whole = own.kind != Kind::Anthropic || given.ends_with("/v1");
            Some(if whole { given } else { format!("{given}/v1") })
        };
        let text = own.base_url.clone().or_else(moved).unwrap_or_else(|| own.kind.base_url().to_owned());
        address(&format!("backends.{name}."), &text)
    }

    /// Where a backend's key comes from, and the key.
    fn key(&self, own: &BackendConfig) -> Option<(String, String)> {
        let there = |reference: &str| (self.lookup)(reference).filter(|key| !key.trim().is_empty());
        match &own.api_key {
            Some(reference) => Some((reference.clone(), there(reference)?)),
            None => own
                .kind
                .key_variables()
                .iter()
                .find_map(|variable| Some(((*variable).to_owned(), there(&env(variable))?))),
        }
    }
}

/// The vendor's usual model for a role.
fn usual(kind: Kind, role: &str) -> Option<String> {
    kind.models().map(|(fast, strong)| if role == "judge" { strong } else { fast }.to_owned())
}

fn told(mind: Arc<dyn Mind>, why: &str) -> Choice {
    let MindInfo { name, score, write, judge, .. } = mind.about();
    let several = |seats: &[crate::Seat]| {
        let names: Vec<String> = seats
            .iter()
            .map(|seat| {
                if seat.backend == OFFLINE || seat.backend == name {
                    seat.model.clone()
                } else {
                    format!("{} of {}", seat.model, seat.backend)
                }
            })
            .collect();
        names.join(", else ")
    };
    let line = format!(
        "mind: {name} ({why}); {} scores; {} writes; {} judges",
        several(&score),
        several(&write),
        several(&judge)
    );
    Choice { mind, line, alive_at: None }
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

    fn looked_up<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + Sync + 'a {
        |reference| vars.iter().find(|(name, _)| env(name) == reference).map(|(_, value)| (*value).to_owned())
    }

    fn untried(config: &str, vars: &[(&str, &str)]) -> Result<Choice, MindError> {
        choose_untried(&serde_json::from_str(config).unwrap(), &looked_up(vars), Arc::new(Still))
    }

    #[tokio::test]
    async fn without_a_key_it_is_offline_and_says_so() {
        let Choice { mind, line, .. } =
            choose(&MindConfig::default(), &looked_up(&[("GEMINI_API_KEY", "  ")]), Arc::new(Still)).await.unwrap();
        assert!(mind.about().offline);
        let why = "mind: offline (none of GEMINI_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY is set)";
        assert!(line.starts_with(why), "{line}");
    }

    #[tokio::test]
    async fn a_key_without_a_network_is_no_use() {
        // Port 9 (discard) is closed on any ordinary machine.
        let vars = [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/")];
        let choice = choose(&MindConfig::default(), &looked_up(&vars), Arc::new(Still)).await.unwrap();
        assert!(choice.mind.about().offline, "{}", choice.line);
        assert!(choice.line.contains("nothing answers at http://127.0.0.1:9/v1"), "{}", choice.line);
    }

    #[test]
    fn the_environment_chooses_the_first_vendor_with_a_key() {
        for (vars, name, judge, source) in [
            (vec![("GEMINI_API_KEY", "sk-1")], "gemini", "gemini-3.8-flash", "from GEMINI_API_KEY"),
            (vec![("GOOGLE_API_KEY", "sk-1")], "gemini", "gemini-3.8-flash", "from GOOGLE_API_KEY"),
            (vec![("ANTHROPIC_API_KEY", "sk-1")], "anthropic", "claude-sonnet-5-5", "from ANTHROPIC_API_KEY"),
            (
                vec![("OPENAI_API_KEY", "sk-1"), ("ANTHROPIC_API_KEY", "sk-2")],
                "anthropic",
                "claude-sonnet-5-5",
                "OPENAI_API_KEY set too, and not used",
            ),
            (vec![("OPENAI_API_KEY", "sk-1")], "openai", "gpt-6.1-terra", "from OPENAI_API_KEY"),
        ] {
            let Choice { mind, line, alive_at } = untried("{}", &vars).unwrap();
            let about = mind.about();
            assert_eq!((about.name.as_str(), about.judge[0].model.as_str()), (name, judge));
            assert!(line.contains(source) && !line.contains("sk-"), "{line}");
            assert!(alive_at.is_some() && !about.offline);
        }
    }

    #[test]
    fn a_provider_on_demand_needs_its_key() {
        for (provider, variable) in
            [("gemini", "GEMINI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")]
        {
            let config = format!(r#"{{"provider": "{provider}"}}"#);
            let error = untried(&config, &[]).unwrap_err().to_string();
            assert!(error.contains(variable), "{error}");
            assert_eq!(untried(&config, &[(variable, "k")]).unwrap().mind.about().name, provider);
            let bad = untried(&config, &[(variable, "a\nb")]).unwrap_err();
            assert!(matches!(bad, MindError::Config { problem: ConfigProblem::BadKey(_), .. }), "{bad}");
        }
        let own = r#"{"provider": "gemini", "api_key": "secret://env/MY_KEY"}"#;
        assert!(untried(own, &[("GOOGLE_API_KEY", "k")]).is_err());
        assert!(untried(own, &[("MY_KEY", "k")]).unwrap().line.contains("secret://env/MY_KEY"));
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key_but_a_price() {
        let config = |more: &str| {
            format!(
                r#"{{"provider": "compatible", "base_url": "http://127.0.0.1:1/v1", "fast_model": "smollm2:135m" {more}}}"#
            )
        };
        let error = untried(&config(""), &[]).unwrap_err().to_string();
        assert!(
            error.contains("`smollm2:135m`") && error.contains("no price") && error.contains("free: true"),
            "{error}"
        );
        let about = untried(&config(r#", "free": true"#), &[]).unwrap().mind.about();
        assert_eq!((about.judge[0].model.as_str(), about.offline), ("smollm2:135m", false));
        let priced = config(r#", "prices": {"smollm2:135m": [{"input": "0.1", "output": "0.2"}]}"#);
        assert!(untried(&priced, &[]).is_ok());
        let keyed = config(r#", "free": true, "api_key": "secret://env/NOT_SET""#);
        assert!(untried(&keyed, &[]).unwrap_err().to_string().contains("secret://env/NOT_SET"));
    }

    #[test]
    fn each_role_has_its_own_models_in_order() {
        let config = r#"{
            "backends": {"local": {"kind": "compatible", "base_url": "http://127.0.0.1:1/v1", "free": true}},
            "roles": {
                "score": [{"backend": "local", "model": "tiny"}, {"backend": "offline"}],
                "write": [{"backend": "anthropic"}, {"backend": "gemini"}],
                "judge": [{"backend": "anthropic", "model": "claude-opus-5-5"}]
            }}"#;
        let keys = [("ANTHROPIC_API_KEY", "a"), ("GEMINI_API_KEY", "g")];
        let Choice { mind, line, alive_at } = untried(config, &keys).unwrap();
        let about = mind.about();
        assert_eq!(about.name, "local+offline+anthropic+gemini");
        let models = |seats: &[crate::Seat]| seats.iter().map(|seat| seat.model.clone()).collect::<Vec<_>>();
        assert_eq!(models(&about.score), ["tiny", "offline-composer-1"]);
        assert_eq!(models(&about.write), ["claude-haiku-5-5", "gemini-3.8-flash"]);
        assert_eq!(models(&about.judge), ["claude-opus-5-5"]);
        assert!(line.contains("tiny of local, else offline-composer-1 scores"), "{line}");
        assert!(alive_at.is_none(), "who was asked for by name is never replaced in silence");
        let without = untried(config, &keys[..1]).unwrap_err().to_string();
        assert!(without.contains("backend `gemini` needs a key"), "{without}");
    }

    #[test]
    fn offline_on_demand_ignores_the_key() {
        let choice = untried(r#"{"provider": "offline"}"#, &[("GEMINI_API_KEY", "k")]).unwrap();
        assert!(choice.mind.about().offline);
    }
}
