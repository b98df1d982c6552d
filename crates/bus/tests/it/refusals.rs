//! A Redis that is there and will not serve us is told from one that is away.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use chimera_bus::{RedisConfig, RedisLink, RedisLinkError, RedisRefusal};
use chimera_testkit::TestRedis;

/// What trying out the server at this address says.
async fn refusal(url: &str) -> RedisRefusal {
    let link = RedisLink::open(&RedisConfig::new(url)).await.unwrap();
    let error = link.try_out().await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
    let why = if let RedisLinkError::Refused { why, .. } = &error { Some(*why) } else { None };
    assert!(why.is_some(), "{url}: {error:?}");
    why.unwrap()
}

#[tokio::test]
async fn each_refusal_is_told_from_the_others() {
    let server = TestRedis::start().unwrap();
    let right = server.user("mara", "sesame", "~chimera:* &chimera:* +@all").unwrap();
    let link = RedisLink::open(&RedisConfig::new(&right)).await.unwrap();
    link.try_out().await.unwrap();
    assert_eq!(refusal(&right.replace("sesame", "wrong")).await, RedisRefusal::Credentials);
    assert_eq!(refusal(&server.url().replace("redis://", "redis://:secret@")).await, RedisRefusal::Credentials);
    assert_eq!(refusal(&format!("{}99", server.url())).await, RedisRefusal::Database);
    for rights in ["~* +ping +select", "~other:* &* +@all", "~chimera:* &* +@all -xadd -eval -xdel"] {
        let url = server.user("mara", "sesame", rights).unwrap();
        assert_eq!(refusal(&url).await, RedisRefusal::Rights, "{rights}");
    }
    server.user("default", "shut", "~* &* +@all").unwrap();
    assert_eq!(refusal(&server.url()).await, RedisRefusal::Credentials, "none was given");
}

#[tokio::test]
async fn what_is_no_redis_is_called_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 16];
            // Whoever asks may have hung up; the next one is answered.
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    assert_eq!(refusal(&url).await, RedisRefusal::NoRedis);
}

#[tokio::test]
async fn one_that_is_away_is_only_that() {
    let server = TestRedis::start().unwrap();
    let link = RedisLink::open(&RedisConfig::new(server.url())).await.unwrap();
    server.stop();
    assert!(matches!(link.try_out().await.unwrap_err(), RedisLinkError::Unreachable { .. }));
    server.start_again().unwrap();
    link.try_out().await.unwrap();
}
