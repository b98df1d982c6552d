//! The two kinds of counters are two programs for one thing; long random histories show that they agree, and that no
//! reserve ever goes beyond a cap.

use chimera_bus::{InProcessSpend, RedisSpend, Spend};
use chimera_domain::{AgentId, Ambient as _, ReservationId, Reserved, SpendCaps, SpendRequest, Usd};
use chimera_testkit::{SeededAmbient, TestRedis};
use chrono::{DateTime, Duration, Utc};

use crate::backends::link;

/// Does one thing to counters and says what came of it.
async fn act(spend: &dyn Spend, agent: AgentId, dice: [u8; 16], at: DateTime<Utc>) -> (String, bool) {
    let [what, which, amount, daily, hourly, ..] = dice;
    let reservation = ReservationId::new(format!("r{}", which % 40));
    let amount = Usd::from_micros(i64::from(amount) * 33_333);
    let daily = Usd::dollars(i32::from(daily) + 20);
    let hourly = (hourly % 4 != 0).then(|| Usd::dollars(i32::from(hourly) / 4));
    match what % 8 {
        0..=3 => {
            let caps = SpendCaps { daily, hourly };
            let before = spend.used(agent, at).await.unwrap();
            let request = SpendRequest { agent_id: agent, reservation, amount, caps, at };
            let answer = spend.reserve(&request).await.unwrap();
            let after = spend.used(agent, at).await.unwrap();
            let kept = answer != Reserved::Granted
                || after == before
                || (after.today <= daily && hourly.is_none_or(|cap| after.this_hour <= cap));
            (format!("{request:?}: {answer:?}"), kept)
        }
        4 | 5 => (format!("settle {reservation}: {:?}", spend.settle(agent, &reservation, amount, at).await), true),
        6 => (format!("release {reservation}: {:?}", spend.release(agent, &reservation, at).await), true),
        _ => (format!("{:?}", spend.used(agent, at).await), true),
    }
}

#[tokio::test]
async fn random_histories_come_to_the_same_on_both() {
    let server = TestRedis::shared();
    let remote = RedisSpend::new(link(server, &server.prefix()).await);
    let local = InProcessSpend::new();
    for seed in 0..12 {
        let ambient = SeededAmbient::new(seed);
        let agent = AgentId::generate(&ambient);
        let mut at = ambient.now();
        for spend in [&local as &dyn Spend, &remote] {
            assert!(spend.start(agent, &[], at).await.unwrap());
        }
        for step in 0..120 {
            let dice = ambient.random();
            // Mostly on, by up to two hours, and now and then back, as between two machines.
            at += Duration::minutes(i64::from(dice[8]) / 2 - 12);
            let (here, there) = (act(&local, agent, dice, at).await, act(&remote, agent, dice, at).await);
            assert_eq!(here, there, "seed {seed}, step {step}");
            assert!(here.1, "seed {seed}, step {step}: beyond a cap: {}", here.0);
            let (here, there) = (local.used(agent, at).await.unwrap(), remote.used(agent, at).await.unwrap());
            assert_eq!(here, there, "seed {seed}, step {step}");
        }
    }
}
