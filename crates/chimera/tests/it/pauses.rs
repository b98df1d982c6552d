//! A campaign that is paused and resumed a hundred times while the fleet is at work: nothing is planned, claimed or sent
//! while it stands still, and nothing is lost.

mod witness;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Child,
    time::{Duration, Instant},
};

use chimera_domain::CampaignStatus::{self, Active, Paused};
use serde_json::Value;

use crate::{
    chaos::feed::Feeds,
    chimera::Chimera,
    dice::Dice,
    kill::{start, stop},
    process::{PATIENCE, PLANNER, PUBLISHER, Process, WORKER},
};
use witness::Witness;

const PAUSES: u32 = 100;
/// Items that come in meanwhile.
const ITEMS: usize = 200;
/// How long it is waited for an act before the next pause, and for the planner to look about in one.
const ACT_WITHIN: Duration = Duration::from_millis(80);

const CONFIG: &str = "
planner: {poll_interval_ms: 40}
sweeper: {interval_ms: 100, waiting_ms: 200}
publisher: {concurrency: 4}
";

/// One campaign over feeds that grow, without limits that would hold anything back.
fn fleet(chimera: &Chimera, dice: &mut Dice) -> Feeds {
    let feeds = Feeds::make(&chimera.data().join("feeds"), ITEMS, 4, dice);
    let soul = chimera.file("personas/fae.md", include_str!("../../../../personas/fae/SOUL.md"));
    let watched: Vec<String> = feeds.feeds.iter().map(|feed| format!("\"{}\"", feed.uri())).collect();
    let fleet = format!(
        "{CONFIG}agents:\n  - {{soul: \"{}\", limits: {{max_daily_spend: \"10000\", max_tasks_per_hour: 100000}}}}\n\
         campaigns:\n  - {{slug: fitful, agents: [fae], channels: [x], post_budget_usd: \"0.10\", resources: [{}], goal: \
         \"Find fresh fashion stories: new collections, street style, runway looks, clothes that are mended or second-hand\"}}\n",
        soul.display(),
        watched.join(", ")
    );
    chimera.file("configs/chimera.yaml", &fleet);
    feeds
}

/// An operator's program, with a token of its own, at the console of `chimera up`.
struct Operator<'a> {
    chimera: &'a Chimera,
    up: Child,
    address: String,
    token: String,
    id: String,
    version: u64,
}

impl<'a> Operator<'a> {
    fn at_work(chimera: &'a Chimera) -> Self {
        let made = chimera.run(&["console", "token", "create", "pauses", "--role", "operator"]);
        assert!(made.ok, "{}", made.stderr);
        let up = start(chimera);
        let token = made.stdout.trim().to_owned();
        let mut operator = Self { chimera, up, address: String::new(), token, id: String::new(), version: 0 };
        operator.until("the console listens", |at| {
            at.chimera.log().lines().any(|line| line.starts_with("console   http://"))
        });
        let log = chimera.log();
        let address = log.lines().find_map(|line| line.strip_prefix("console   http://")).unwrap();
        operator.address = address.trim_end_matches('/').to_owned();
        operator.until("the campaign is there", |at| at.ask("GET", "/api/campaigns").1.contains("fitful"));
        let campaigns: Value = serde_json::from_str(&operator.ask("GET", "/api/campaigns").1).unwrap();
        operator.id = campaigns[0]["id"].as_str().unwrap().to_owned();
        operator.version = campaigns[0]["state_version"].as_u64().unwrap();
        operator
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < until, "not: {what}\n{}", self.chimera.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let Self { address, token, version, .. } = self;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nIf-Match: \"{version}\"\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Pauses or resumes the campaign, over HTTP or, now and then, by command.
    fn set(&mut self, status: CampaignStatus, by_command: bool) {
        let verb = if status == Paused { "pause" } else { "resume" };
        if by_command {
            let done = self.chimera.run(&["campaign", verb, "fitful"]);
            assert!(done.ok, "{}", done.stderr);
            self.version += 1;
            return;
        }
        let (code, campaign) = self.ask("POST", &format!("/api/campaigns/{}/{verb}", self.id));
        assert_eq!(code, 200, "{campaign}");
        let campaign: Value = serde_json::from_str(&campaign).unwrap();
        assert_eq!(campaign["status"].as_str(), Some(status.as_str()));
        self.version = campaign["state_version"].as_u64().unwrap();
    }

    /// Rounds that the planner has completed.
    fn rounds(&self) -> u64 {
        let (_, metrics) = self.ask("GET", "/metrics");
        let rounds = |line: &str| {
            line.strip_prefix("chimera_planner_rounds_total{outcome=\"completed\"} ").and_then(|n| n.parse().ok())
        };
        metrics.lines().find_map(rounds).unwrap_or(0)
    }
}

impl Drop for Operator<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

pub(crate) fn a_hundred_pauses_under_load_hold_everything_still(chimera: &Chimera) {
    let mut dice = Dice::new(20_261_123);
    let mut feeds = fleet(chimera, &mut dice);
    assert!(chimera.run(&["db", "migrate"]).ok);
    let witness = Witness::call(chimera);
    let mut operator = Operator::at_work(chimera);
    // Where processes share queues, others are at the same work.
    let others: Vec<Process> = match chimera.is_embedded() {
        true => vec![],
        false => [PLANNER, WORKER, PUBLISHER].map(|role| Process::start(chimera, &role)).into(),
    };
    let began = Instant::now();
    let mut held = 0;
    for pause in 0..PAUSES {
        feeds.grow_to(f64::from(pause + 1) / f64::from(PAUSES));
        let (version, act) = (operator.version, *dice.one(&["signal", "task", "claim", "publish"]));
        let seen = format!("witness WHERE act = '{act}' AND version = {version}");
        wait_a_little(|| witness.count(&seen) > 0);
        operator.set(Paused, pause % 20 == 7);
        witness.note(Paused);
        held += u32::from(witness.count("agent_tasks WHERE state IN ('READY', 'APPROVED', 'JUDGE_REVIEW')") > 0);
        let rounds = operator.rounds();
        wait_a_little(|| operator.rounds() > rounds);
        operator.set(Active, pause % 20 == 13);
    }
    let took = began.elapsed();
    let all_read = |_: &Operator<'_>| witness.count("trend_signals") == ITEMS;
    operator.until("every item is read", all_read);
    operator.until("something is sent", |_| witness.seen("publish").0 >= 5);
    let seen = ACTS.map(|act| (act, witness.seen(act)));
    println!("{PAUSES} pauses in {took:?}, {held} while tasks waited; acts, and at how many versions: {seen:?}");
    assert_eq!(witness.wrong(), Vec::<String>::new());
    assert_eq!(witness.count("witness WHERE act = 'PAUSED' AND status = 'PAUSED'"), PAUSES as usize);
    assert!(held > PAUSES / 4, "the pauses came when nothing was to do");
    assert!(seen.iter().all(|(_, (_, versions))| *versions >= 5), "{seen:?}");
    assert!(chimera.run(&["db", "verify"]).ok);

    operator.set(Paused, false);
    witness.note(Paused);
    others.into_iter().for_each(Process::stop);
    stop(&mut operator.up);
    assert_eq!(witness.blind_spots(), Vec::<&str>::new(), "what the witness doesn't see");
}

/// Acts that must have been seen at several versions, or the pauses prove little.
const ACTS: [&str; 4] = ["signal", "task", "claim", "publish"];

/// Until this holds, but not for long.
fn wait_a_little(holds: impl Fn() -> bool) {
    let until = Instant::now() + ACT_WITHIN;
    while !holds() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(15));
    }
}
