//! Layers, and what mistakes are told.

use chimera_domain::policy::PlatformAbilities;

use super::*;

fn from_yaml(text: &str) -> Result<Config, ConfigError> {
    Config::from_layers(&Figment::new().merge(Yaml::string(text)))
}

fn told(text: &str) -> String {
    let error = from_yaml(text).unwrap_err();
    chimera_domain::error_chain(&error)
}

#[test]
fn nothing_said_means_the_defaults() {
    let config = from_yaml("{}").unwrap();
    assert_eq!(config.planner.poll_interval_ms, 60_000);
    assert_eq!(config.judge.thresholds.auto_publish.get(), 0.9);
}

#[test]
fn an_empty_address_of_the_queues_is_none() {
    assert_eq!(from_yaml("queue: {url: ' '}").unwrap().queue.url, None);
}

#[test]
fn an_unknown_key_is_named_with_its_nearest() {
    assert_eq!(
        told("planner:\n  poll_intervall_ms: 5\n"),
        "unknown configuration key: `planner.poll_intervall_ms` (did you mean `poll_interval_ms`?)"
    );
    assert_eq!(told("planer: {}\n"), "unknown configuration key: `planer` (did you mean `planner`?)");
    let nested = told("campaigns:\n  - slug: a\n    goal: b\n    agents: []\n    resources: []\n    chanels: []\n");
    assert_eq!(nested, "unknown configuration key: `campaigns[0].chanels` (did you mean `channels`?)");
}

#[test]
fn a_wrong_value_names_its_key() {
    let told = told("planner:\n  score_batch: many\n");
    assert!(told.contains("planner.score_batch") && told.contains("many"), "{told}");
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    assert!(told("judge:\n  thresholds: {reject: 0.95}\n").starts_with("judge.thresholds:"));
    assert!(told("worker:\n  concurrency: 0\n").starts_with("worker.concurrency"));
    assert!(told("database:\n  connections_max: 0\n").starts_with("database.connections_max"));
    assert!(told("database: {connections_max: 2, connections_min: 3}\n").starts_with("database.connections_min"));
    assert!(told("database:\n  lock_timeout_ms: 5\n").contains("100 milliseconds"));
}

#[test]
fn a_webhook_is_told_in_secret_and_by_reference() {
    let with = |url: &str, more: &str| format!("alerts: {{webhook: {{url: '{url}', secret: {more}}}}}\n");
    let key = "'secret://env/CHIMERA_WEBHOOK_KEY'";
    assert!(told(&with("http://hooks.test/x", key)).starts_with("alerts.webhook.url"));
    assert!(told(&with("https://10.0.0.1/x", key)).contains("private: true"));
    assert!(told(&with("https://hooks.test/x", "whsec_AAAA")).starts_with("alerts.webhook.secret"));
    assert!(
        told(&with("https://hooks.test/x", &format!("{key}, timeout_ms: 5"))).starts_with("alerts.webhook.timeout_ms")
    );
    assert!(told(&with("https://hooks.test/x", &format!("{key}, tries: 5"))).contains("`alerts.webhook.tries`"));
    let config = from_yaml(&with("https://10.0.0.1/s3cret", &format!("{key}, private: true"))).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(config.redacted().alerts.webhook.unwrap().url, "https://10.0.0.1/redacted");
}

#[test]
fn a_media_bucket_is_named_in_full_and_its_keys_by_reference() {
    let bucket = |more: &str| {
        format!(
            "media: {{bucket: {{name: chimera-media, access_key: 'secret://env/A', secret_key: 'secret://env/B', {more}}}}}"
        )
    };
    let config = from_yaml(&bucket("endpoint: 'https://s3.example.org'")).unwrap();
    let given = config.media.bucket.unwrap();
    assert_eq!((given.region.as_str(), given.prefix.as_str(), given.plain_http), ("us-east-1", "", false));
    assert!(
        told(&bucket("endpoint: 'http://s3.example.org'")).starts_with("media.bucket.endpoint: http is for loopback")
    );
    assert!(from_yaml(&bucket("endpoint: 'http://s3.example.org', plain_http: true")).is_ok());
    assert!(told(&bucket("endpoint: 'nowhere'")).starts_with("media.bucket.endpoint: "));
    assert!(told(&bucket("prefix: '/a'")).starts_with("media.bucket.prefix: "));
    let bare = bucket("").replace("secret://env/B", "hunter2");
    assert!(told(&bare).starts_with("media.bucket.access_key") && !told(&bare).contains("hunter2"), "{}", told(&bare));
}

#[test]
fn who_fetches_media_must_be_given_links() {
    let asks = "mcp: {roles: {generate_image: {server: studio, tool: x, arguments: {a: '{{media_url?}}'}}}}\n";
    assert!(told(asks).starts_with("media.links: "), "{}", told(asks));
    let links = |more: &str| format!("{asks}media: {{links: {{{more}}}}}");
    let whole = "address: 'https://media.example.org', key: 'secret://env/KEY'";
    let config = from_yaml(&links(whole)).unwrap();
    assert_eq!(config.media.links.minutes, 60);
    assert!(told(&links(&whole.replace("secret://env/KEY", "hunter2"))).starts_with("media.links.key: "));
    assert!(told(&links(&format!("{whole}, minutes: 0"))).starts_with("media.links.minutes: "));
    assert!(told(&links("address: 'https://media.example.org'")).starts_with("media.links: "));
    assert!(told(&links(&whole.replace("https", "ftp"))).starts_with("media.links.address: "));
}

#[test]
fn each_part_of_the_house_checks_its_own_section() {
    assert!(told("mind:\n  base_url: nowhere\n").contains("section `mind`"));
    assert!(told("sandbox:\n  time_scale: -1\n").contains("section `sandbox`"));
    assert!(told("feeds:\n  limits: {timeout_seconds: 0}\n").contains("section `feeds`"));
    let role = "mcp:\n  roles:\n    publish_post: {server: nowhere, tool: post}\n";
    assert!(told(role).contains("section `mcp`") && told(role).contains("nowhere"));
}

const ELSEWHERE: &str = "mcp:
  servers:
    elsewhere: {transport: {http: {url: 'https://posts.test/mcp'}}}
  roles:
    publish_post: {server: elsewhere, tool: post, arguments: {text: '{{text}}', id: '{{idempotency_key}}'}}
";

#[test]
fn what_the_sandbox_can_do_is_known() {
    let able = |text| from_yaml(text).unwrap().publisher.platform.unwrap();
    assert_eq!(able("{}"), PlatformAbilities { idempotency_key: true, client_chosen_id: false, look_up: true });
    let doubling = "sandbox: {honours_idempotency_key: false}\n";
    assert_eq!(able(doubling), PlatformAbilities { look_up: true, ..PlatformAbilities::default() });
    assert!(
        !built_in(&from_yaml(doubling).unwrap()).roles["publish_post"].idempotent,
        "a repeat would double the post"
    );
    let claimed = format!("{doubling}publisher: {{platform: {{idempotency_key: true}}}}\n");
    assert!(told(&claimed).contains("publisher.platform.idempotency_key"));
    let chosen = "publisher: {platform: {client_chosen_id: true}}\n";
    assert!(told(chosen).contains("sandbox.client_chosen_ids"));
    let config = from_yaml(&format!("{chosen}sandbox: {{client_chosen_ids: true, honours_idempotency_key: false}}\n"));
    assert!(built_in(&config.unwrap()).roles["publish_post"].idempotent, "a repeat is refused");
}

#[test]
fn what_another_platform_can_do_must_be_said() {
    assert!(told(ELSEWHERE).starts_with("publisher.platform: "), "{}", told(ELSEWHERE));
    let config = from_yaml(&format!("{ELSEWHERE}publisher: {{platform: {{}}}}\n")).unwrap();
    assert_eq!(config.publisher.platform, Some(PlatformAbilities::default()));
    assert!(!built_in(&config).roles.contains_key("find_post"), "the sandbox knows nothing of posts elsewhere");
    // Nor is a server of that name ours that the operator put somewhere else.
    let moved = "mcp: {servers: {sandbox: {transport: {http: {url: 'https://posts.test/mcp'}}}}}\n";
    assert!(told(moved).starts_with("publisher.platform: "), "{}", told(moved));
}

#[test]
fn replies_need_templates_that_pass_them_on() {
    let elsewhere = format!(
        "{ELSEWHERE}publisher: {{platform: {{}}}}\nplanner: {{replies: {{resource: 'mcp://sandbox/x://{{account}}'}}}}\n"
    );
    assert!(told(&elsewhere).starts_with("planner.replies: "), "{}", told(&elsewhere));
    let passed_on =
        elsewhere.replace("id: '{{idempotency_key}}'", "id: '{{idempotency_key}}', below: '{{in_reply_to?}}'");
    assert_eq!(from_yaml(&passed_on).unwrap().planner.replies.turns_max, 3);
}

#[test]
fn what_is_said_of_a_platform_must_agree_with_its_roles() {
    let of = |platform: &str, more: &str| told(&format!("{ELSEWHERE}{more}publisher: {{platform: {{{platform}}}}}\n"));
    assert!(of("look_up: true", "").starts_with("publisher.platform.look_up: "));
    let find = "    find_post: {server: elsewhere, tool: find, arguments: {}}\n";
    assert!(of("look_up: true", find).starts_with("mcp.roles.find_post.arguments: "));
    let at_home = "    find_post: {server: sandbox, tool: find_post, arguments: {id: '{{idempotency_key}}'}}\n";
    assert!(of("look_up: true", at_home).starts_with("mcp.roles.find_post: "));
    let keyless =
        ELSEWHERE.replace(", id: '{{idempotency_key}}'", "") + "publisher: {platform: {idempotency_key: true}}\n";
    assert!(told(&keyless).starts_with("publisher.platform: "));
    let repeats = ELSEWHERE.replace("tool: post,", "tool: post, idempotent: true,") + "publisher: {platform: {}}\n";
    assert!(told(&repeats).starts_with("publisher.platform.idempotency_key: "));
    let two = ELSEWHERE.replace("tool: post,", "tool: post, fallback: [find_post],")
        + "    find_post: {server: elsewhere, tool: find}\npublisher: {platform: {}}\n";
    assert!(told(&two).starts_with("mcp.roles.publish_post.fallback: "));
    let find = find.replace("{}", "{id: '{{idempotency_key}}'}");
    from_yaml(&format!("{ELSEWHERE}{find}publisher: {{platform: {{idempotency_key: true, look_up: true}}}}\n"))
        .unwrap();
}

#[test]
fn a_campaign_that_can_not_run_is_refused() {
    let campaign = |change: &str| {
        let mut lines =
            vec!["slug: a", "goal: b", "agents: [fae]", "resources: ['mcp://feeds/feed://a']", "channels: [x]"];
        let key = change.split(':').next().unwrap();
        lines.retain(|l| !l.starts_with(key));
        lines.push(change);
        told(&format!("campaigns:\n  - {}\n", lines.join("\n    ")))
    };
    assert!(campaign("channels: []").contains("campaigns[0] (a): `channels` is empty"));
    assert!(campaign("resources: ['https://example.org/feed']").contains("mcp://SERVER/RESOURCE-URI"));
    assert!(campaign("video_seconds: 60").contains("2..=15"));
}

#[test]
fn secrets_in_a_database_address_are_hidden() {
    use super::super::redacted_url;
    for address in [
        "postgres://a:hunter2@h/d",
        "postgres://a@h/d?password=hunter2&sslmode=require",
        "postgres://a@h/d?PASSWD=hunter2",
        "postgres://a:x@y#hunter2@h/d",
        "unix:///run/redis.sock?user=a&pass=hunter2",
        "https://example.org/feed.xml?api_key=hunter2&page=2",
        "not a url hunter2",
    ] {
        let shown = redacted_url(address);
        assert!(shown.contains("redacted") && !shown.contains("hunter2"), "{shown}");
    }
    let config = from_yaml("database: {url: 'postgres://a:hunter2@h/d'}\n").unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}
