//! Passwords stay out of what people read, and wrong settings are named.

use std::{error::Error, time::Duration};

use chimera_bus::{DeliveryPolicy, RedisBus, RedisConfig, RedisLink, RedisLinkError, RedisSpend};
use chimera_testkit::{SeededAmbient, TestRedis};

fn chain(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(" {source} {source:?}");
        next = source.source();
    }
    text
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let server = TestRedis::start().unwrap();
    let url = server.url().replace("redis://", "redis://operator:hunter2@");
    let config = RedisConfig::new(&url);
    let link = RedisLink::open(&config).await.unwrap();
    let refused = link.ping().await.unwrap_err();
    assert!(refused.to_string().starts_with("Redis at 127.0.0.1:"), "{refused}");
    server.stop();
    let gone = link.ping().await.unwrap_err();
    let bus = RedisBus::new(link.clone(), DeliveryPolicy::default(), &SeededAmbient::new(1));
    let spend = RedisSpend::new(link.clone());
    let shown = format!("{config:?} {link:?} {bus:?} {spend:?} {} {}", chain(&refused), chain(&gone));
    assert!(!shown.contains("hunter2"), "{shown}");

    for wrong in ["http://operator:hunter2@localhost/", "redis://operator:hunter2@host:99999/", "redis://:hunter2@h/x"]
    {
        let error = RedisLink::open(&RedisConfig::new(wrong)).await.unwrap_err();
        assert!(matches!(error, RedisLinkError::Url { .. }), "{wrong}: {error:?}");
        assert!(error.to_string().contains("want redis://"), "{error}");
        assert!(!chain(&error).contains("hunter2"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_an_error_and_no_panic() {
    let server = TestRedis::shared();
    let url = server.url().replace("redis://", "rediss://");
    // Such a server waits for a line to end, and so for ever.
    let config = RedisConfig { connect_timeout: Duration::from_millis(200), ..RedisConfig::new(url) };
    let error = RedisLink::open(&config).await.unwrap().ping().await.unwrap_err();
    assert!(matches!(error, RedisLinkError::Unreachable { .. }), "{}", chain(&error));
}

#[tokio::test]
async fn a_prefix_that_would_break_the_keys_is_refused() {
    for wrong in ["", "a{b", "a}b", "a b", "a\n", &"a".repeat(65)] {
        let config = RedisConfig { prefix: wrong.to_owned(), ..RedisConfig::new("redis://localhost/") };
        let error = RedisLink::open(&config).await.unwrap_err();
        assert!(matches!(&error, RedisLinkError::Prefix { prefix } if prefix == wrong), "{error:?}");
    }
    let config = RedisConfig { prefix: "eu-1:chimera".to_owned(), ..RedisConfig::new("rediss://localhost/") };
    assert_eq!(RedisLink::open(&config).await.unwrap().prefix(), "eu-1:chimera");
}
