//! The processes: started, killed, started again.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use super::world::World;
use crate::process;

/// A role, and how many processes have it.
pub(super) struct Role {
    pub(super) name: &'static str,
    command: [&'static str; 2],
    processes: usize,
}

/// The fleet.
pub(super) const ROLES: [Role; 4] = [
    Role { name: "planner", command: process::PLANNER, processes: 2 },
    Role { name: "worker", command: process::WORKER, processes: 4 },
    Role { name: "judge", command: process::JUDGE, processes: 2 },
    Role { name: "publisher", command: process::PUBLISHER, processes: 2 },
];

/// How long a process may take from SIGTERM to its end: its patience, and room for a slow machine.
const LEAVE_WITHIN: Duration = Duration::from_secs(40);

/// Ends what is left when this process ends, in whatever way. Reads `+PID` and `-PID`.
const REAPER: &str = r#"
trap '' INT TERM HUP
while read -r word; do
    pid=${word#?}
    case $word in
        +*) pids="$pids $pid" ;;
        -*) left=
            for other in $pids; do [ "$other" = "$pid" ] || left="$left $other"; done
            pids=$left ;;
    esac
done
[ -z "$pids" ] || kill -9 $pids 2>/dev/null
"#;

/// One process of the fleet.
pub(super) struct Member {
    pub(super) role: &'static Role,
    log: PathBuf,
    child: Child,
}

impl Member {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// All processes.
pub(super) struct Fleet<'a> {
    world: &'a World,
    pub(super) members: Vec<Member>,
    /// Asked to end, with the moment by which they must have.
    leaving: Vec<(Member, Instant)>,
    reaper: Child,
    reports: ChildStdin,
    /// What should not have happened.
    pub(super) surprises: Vec<String>,
}

impl<'a> Fleet<'a> {
    /// Starts every process.
    pub(super) fn start(world: &'a World) -> Self {
        let mut reaper = Command::new("sh").args(["-c", REAPER]).stdin(Stdio::piped()).spawn().unwrap();
        let reports = reaper.stdin.take().unwrap();
        let mut fleet = Self { world, members: vec![], leaving: vec![], reaper, reports, surprises: vec![] };
        for role in &ROLES {
            for number in 0..role.processes {
                let log = world.chimera.folder().join(format!("{}-{number}.log", role.name));
                let member = fleet.spawn(role, log);
                fleet.members.push(member);
            }
        }
        fleet
    }

    fn spawn(&mut self, role: &'static Role, log: PathBuf) -> Member {
        let args = [&role.command[..], &["--bind", "127.0.0.1:0"]].concat();
        let child = self.world.chimera.start_logging(&args, &log);
        writeln!(self.reports, "+{}", child.id()).unwrap();
        Member { role, log, child }
    }

    /// Puts a new process in the place of this one, which is handed out.
    fn replace(&mut self, index: usize) -> Member {
        let (role, log) = (self.members[index].role, self.members[index].log.clone());
        let fresh = self.spawn(role, log);
        std::mem::replace(&mut self.members[index], fresh)
    }

    /// `kill -9`, and a new one at once.
    pub(super) fn kill(&mut self, index: usize) {
        // It may have ended by itself just now, which is noticed here.
        self.look_after();
        self.members[index].child.kill().unwrap();
        self.members[index].child.wait().unwrap();
        let dead = self.replace(index);
        self.forget(dead.pid());
    }

    /// SIGTERM, and a new one at once, beside the one that is leaving.
    pub(super) fn terminate(&mut self, index: usize) {
        self.look_after();
        let leaving = self.replace(index);
        signal(leaving.pid(), "TERM");
        self.leaving.push((leaving, Instant::now() + LEAVE_WITHIN));
    }

    /// Notices who ended, and starts again who should not have.
    pub(super) fn look_after(&mut self) {
        for index in 0..self.members.len() {
            if let Some(status) = self.members[index].child.try_wait().unwrap() {
                let dead = self.replace(index);
                self.forget(dead.pid());
                self.surprises.push(format!(
                    "a {} ended by itself: {status}; see {}",
                    dead.role.name,
                    dead.log.display()
                ));
            }
        }
        for (mut member, until) in std::mem::take(&mut self.leaving) {
            match member.child.try_wait().unwrap() {
                // 4 says that work in hand was cut off and handed back, which is in order too.
                Some(status) if matches!(status.code(), Some(0 | 4)) => self.forget(member.pid()),
                Some(status) => {
                    self.forget(member.pid());
                    self.surprises.push(format!(
                        "a {} left with {status}; see {}",
                        member.role.name,
                        member.log.display()
                    ));
                }
                None if Instant::now() > until => {
                    self.surprises.push(format!("a {} does not leave; see {}", member.role.name, member.log.display()));
                    member.child.kill().unwrap();
                    member.child.wait().unwrap();
                    self.forget(member.pid());
                }
                None => self.leaving.push((member, until)),
            }
        }
    }

    /// Ends everyone in order, and waits until they have.
    pub(super) fn stop(&mut self) {
        for member in std::mem::take(&mut self.members) {
            signal(member.pid(), "TERM");
            self.leaving.push((member, Instant::now() + LEAVE_WITHIN));
        }
        while !self.leaving.is_empty() {
            self.look_after();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The files that all processes logged into.
    pub(super) fn logs(world: &World) -> Vec<PathBuf> {
        let names = ROLES.iter().flat_map(|role| (0..role.processes).map(|n| format!("{}-{n}.log", role.name)));
        names.map(|name| world.chimera.folder().join(name)).collect()
    }

    fn forget(&mut self, pid: u32) {
        writeln!(self.reports, "-{pid}").unwrap();
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        let leaving = self.leaving.iter_mut().map(|(member, _)| member);
        for member in self.members.iter_mut().chain(leaving) {
            // It may have ended already.
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
        // The reaper is not needed any more: what it knows of has ended and been waited for.
        let _ = self.reaper.kill();
        let _ = self.reaper.wait();
    }
}

fn signal(pid: u32, name: &str) {
    // It may have ended already, which is noticed elsewhere.
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}
