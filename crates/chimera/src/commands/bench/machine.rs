//! What the machine is, and what a run took of it. Linux tells it under `/proc`; elsewhere figures are absent.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::Serialize;

/// A machine, in a few words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    cpu: Option<String>,
    cores: usize,
    memory_mib: Option<u64>,
    kernel: Option<String>,
    /// `release`, or `debug`: figures of a debug build say little.
    build: &'static str,
    version: &'static str,
}

impl Machine {
    pub(super) fn here() -> Self {
        let line = |text: &str, key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
        };
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned());
        Self {
            cpu: line(&cpus, "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib("/proc/meminfo", "MemTotal:").map(|kib| kib / 1_024),
            kernel,
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What was used up to some moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// Processor time of this process, in ticks of a hundredth of a second.
    own_ticks: u64,
    /// The same of everything on this machine, a database server included.
    all_ticks: u64,
    /// Bytes that this process had written to disk.
    bytes_written: u64,
}

/// What was used between two moments.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Usage {
    /// Processor seconds of this process.
    pub(super) cpu_seconds: f64,
    /// Processor seconds of the whole machine: of the database server and of whatever else ran meanwhile, too.
    pub(super) machine_cpu_seconds: f64,
    /// Bytes that this process wrote to disk.
    pub(super) bytes_written: u64,
}

impl Used {
    pub(super) fn now() -> Self {
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let all = fs::read_to_string("/proc/stat").unwrap_or_default();
        // user nice system idle iowait irq softirq steal
        let all: Vec<u64> =
            all.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8).map(number).collect();
        let is_work = |at: &usize| ![3, 4, 7].contains(at);
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        Self {
            own_ticks: ticks(&own),
            all_ticks: all.iter().enumerate().filter(|(at, _)| is_work(at)).map(|(_, ticks)| ticks).sum(),
            bytes_written: io.lines().find_map(|line| line.strip_prefix("write_bytes:")).map_or(0, number),
        }
    }

    pub(super) fn since(self, before: Self) -> Usage {
        // USER_HZ is 100 on every architecture that Linux runs on here (time(7)).
        let seconds =
            |now: u64, then: u64| f64::from(u32::try_from(now.saturating_sub(then)).unwrap_or(u32::MAX)) / 100.0;
        Usage {
            cpu_seconds: seconds(self.own_ticks, before.own_ticks),
            machine_cpu_seconds: seconds(self.all_ticks, before.all_ticks),
            bytes_written: self.bytes_written.saturating_sub(before.bytes_written),
        }
    }
}

/// Another process, up to some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    pub(super) memory_mib: f64,
    pub(super) memory_peak_mib: f64,
    pub(super) cpu_seconds: f64,
    /// How often its threads have gone to sleep by themselves.
    pub(super) wakeups: f64,
    pub(super) threads: u64,
}

impl Other {
    /// The process of this number.
    #[expect(clippy::cast_precision_loss, reason = "figures of one process")]
    pub(super) fn now(id: u32) -> anyhow::Result<Self> {
        let folder = format!("/proc/{id}");
        let own = fs::read_to_string(format!("{folder}/stat")).with_context(|| {
            format!("what process {id} takes can't be read, for {folder} is not there (Linux has it)")
        })?;
        let mib = |key| kib(format!("{folder}/status"), key).unwrap_or_default() as f64 / 1_024.0;
        let tasks: Vec<_> = fs::read_dir(format!("{folder}/task"))?.filter_map(Result::ok).collect();
        let switches = tasks.iter().filter_map(|task| kib(task.path().join("status"), "voluntary_ctxt_switches:"));
        Ok(Self {
            memory_mib: mib("VmRSS:"),
            memory_peak_mib: mib("VmHWM:"),
            cpu_seconds: ticks(&own) as f64 / 100.0,
            wakeups: switches.sum::<u64>() as f64,
            threads: tasks.len() as u64,
        })
    }
}

/// Processor time in a line of `/proc/PID/stat`, in ticks of a hundredth of a second.
fn ticks(stat: &str) -> u64 {
    // The second field is the program's name in parentheses, and may hold anything: the fields are counted from behind
    // it. There, user and system time are the twelfth and thirteenth.
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).map(number).sum()
}

/// The most memory that this process has held so far, in MiB.
pub(super) fn peak_memory_mib() -> Option<u64> {
    kib("/proc/self/status", "VmHWM:").map(|kib| kib / 1_024)
}

fn kib(file: impl AsRef<Path>, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)).map(|rest| number(rest.trim_end_matches("kB")))
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_default()
}
