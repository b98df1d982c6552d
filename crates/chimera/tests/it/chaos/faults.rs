//! What goes wrong, at random.

use std::time::{Duration, Instant};

use chimera_testkit::Stop;

use super::{feed::Feeds, fleet::Fleet, world::World};
use crate::dice::Dice;

/// Between two faults, in milliseconds.
const PAUSE: (u64, u64) = (150, 1_300);
/// How long a server stays away, in milliseconds.
const AWAY: (u64, u64) = (100, 2_500);
/// How long a kill waits for its victim to have work in hand; one of four doesn't wait.
const HELD_WITHIN: Duration = Duration::from_secs(3);

/// A fault that was made.
pub(super) struct Struck {
    pub(super) kind: &'static str,
    pub(super) at: Instant,
    /// Whether it hit work in hand.
    pub(super) hit: bool,
}

/// The kinds, each with how often it comes, of a hundred.
const KINDS: [(&str, u64); 6] = [
    ("kill", 62),
    ("terminate", 12),
    ("redis flush", 8),
    ("redis stop", 8),
    ("postgres fast", 5),
    ("postgres immediate", 5),
];

/// The storm: faults until its time is up.
pub(super) struct Storm<'a, 'b> {
    pub(super) world: &'a World,
    pub(super) fleet: &'b mut Fleet<'a>,
    pub(super) dice: Dice,
    pub(super) struck: Vec<Struck>,
    redis_back: Option<Instant>,
    postgres_back: Option<Instant>,
}

impl<'a, 'b> Storm<'a, 'b> {
    pub(super) const fn new(world: &'a World, fleet: &'b mut Fleet<'a>, dice: Dice) -> Self {
        Self { world, fleet, dice, struck: vec![], redis_back: None, postgres_back: None }
    }

    /// Makes faults for so long while the feeds grow. At the end all servers are back, and all feeds are whole.
    pub(super) fn rage(&mut self, seconds: Duration, feeds: &mut Feeds) {
        let began = Instant::now();
        let mut next = began;
        while began.elapsed() < seconds {
            // The last items come in while there is still trouble.
            feeds.grow_to(began.elapsed().as_secs_f64() / (seconds.as_secs_f64() * 0.8));
            self.fleet.look_after();
            self.bring_back(false);
            if Instant::now() >= next {
                self.strike(feeds);
                next = Instant::now() + self.dice.millis(PAUSE.0, PAUSE.1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        feeds.grow_to(1.0);
        self.bring_back(true);
    }

    fn bring_back(&mut self, all: bool) {
        let due = |back: &mut Option<Instant>| back.take_if(|at| all || Instant::now() >= *at).is_some();
        if due(&mut self.redis_back) {
            self.world.redis.start_again().unwrap();
        }
        if due(&mut self.postgres_back) {
            self.world.postgres.start_again().unwrap();
        }
    }

    fn strike(&mut self, feeds: &Feeds) {
        let mut throw = self.dice.below(100);
        let kind = KINDS.into_iter().find_map(|(kind, odds)| {
            let falls_here = throw < odds;
            throw = throw.saturating_sub(odds);
            falls_here.then_some(kind)
        });
        let kind = kind.unwrap();
        let at = Instant::now();
        let (kind, hit) = match kind {
            "kill" => return self.kill(feeds),
            "terminate" => {
                let index = self.any_member();
                self.fleet.terminate(index);
                (kind, false)
            }
            // A server that is away can't be struck.
            _ if kind.starts_with("redis") && self.redis_back.is_some() => return,
            _ if kind.starts_with("postgres") && self.postgres_back.is_some() => return,
            "redis flush" => {
                self.world.redis.flush().unwrap();
                (kind, self.moving() > 0)
            }
            "redis stop" => {
                let hit = self.moving() > 0;
                self.world.redis.stop();
                self.redis_back = Some(at + self.dice.millis(AWAY.0, AWAY.1));
                (kind, hit)
            }
            _ => {
                let hit = self.moving() > 0;
                let how = if kind == "postgres fast" { Stop::Fast } else { Stop::Immediate };
                self.world.postgres.stop(how).unwrap();
                self.postgres_back = Some(at + self.dice.millis(AWAY.0, AWAY.1));
                (kind, hit)
            }
        };
        self.struck.push(Struck { kind, at, hit });
    }

    /// Kills a process, most often one that has work in hand.
    fn kill(&mut self, feeds: &Feeds) {
        let index = self.any_member();
        let role = self.fleet.members[index].role.name;
        let pid = self.fleet.members[index].pid();
        if !self.dice.percent(25) {
            let until = Instant::now() + HELD_WITHIN;
            while !self.has_work(role, pid, feeds) && Instant::now() < until && self.postgres_back.is_none() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let at = Instant::now();
        let had_work = self.has_work(role, pid, feeds);
        self.fleet.kill(index);
        // A lease that outlives its holder is proof; planners and judges hold none.
        let hit = if matches!(role, "worker" | "publisher") { self.holds(pid) } else { had_work };
        self.struck.push(Struck { kind: role, at, hit });
    }

    fn any_member(&mut self) -> usize {
        usize::try_from(self.dice.below(self.fleet.members.len() as u64)).unwrap()
    }

    fn has_work(&self, role: &str, pid: u32, feeds: &Feeds) -> bool {
        match role {
            "planner" => self.number("SELECT count(*) FROM trend_signals").is_some_and(|n| n < feeds.written() as u64),
            "judge" => {
                self.number("SELECT count(*) FROM agent_tasks WHERE state = 'JUDGE_REVIEW'").is_some_and(|n| n > 0)
            }
            _ => self.holds(pid),
        }
    }

    /// Whether tasks are leased to this process.
    fn holds(&self, pid: u32) -> bool {
        let query = format!(
            "SELECT count(*) FROM agent_tasks WHERE state IN ('EXECUTING', 'PUBLISHING') AND lease_owner LIKE '%-{pid}-%'"
        );
        self.number(&query).is_some_and(|n| n > 0)
    }

    /// How many tasks are on their way.
    fn moving(&self) -> u64 {
        self.number(&format!("SELECT count(*) FROM agent_tasks WHERE state NOT IN ({})", super::RESTS)).unwrap_or(0)
    }

    fn number(&self, query: &str) -> Option<u64> {
        self.world.try_ask(query)?.parse().ok()
    }
}
