//! What the kernel says of processes and the machine: `/proc`, and `taskset` and `chrt` for placement.
//!
//! Formats: proc(5), and "Scheduler statistics" in the kernel documentation for `schedstat`.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

const AUTOGROUP: &str = "/proc/self/autogroup";
/// Set inside of the session that [`in_own_session`] makes.
const OWN_SESSION: &str = "XTASK_BENCH_SESSION";

/// What the scheduler gave to the living threads of a process since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scheduled {
    /// CPU time in nanoseconds, exact where `/proc/<pid>/stat` counts ticks of 10 ms.
    pub cpu_ns: u64,
    /// Nanoseconds for which a thread was ready and another ran in its place.
    pub delayed_ns: u64,
}

/// Sums the first two fields of `schedstat` over the threads of a process.
pub fn scheduled(pid: u32) -> Result<Scheduled> {
    let mut sum = Scheduled::default();
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the server is gone")? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let mut fields = text.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(cpu_ns)), Some(Ok(delayed_ns))) = (fields.next(), fields.next()) else {
            bail!("schedstat has an unknown format");
        };
        sum.cpu_ns += cpu_ns;
        sum.delayed_ns += delayed_ns;
    }
    Ok(sum)
}

/// Resident memory of a process in bytes.
pub fn rss_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS has an unknown format")?;
    Ok(kib * 1024)
}

/// How some cores spent their time since the start, in ticks of 10 ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ticks {
    all: u64,
    /// Neither working nor waited for by the hypervisor.
    idle: u64,
    stolen: u64,
}

impl Ticks {
    /// The counters of `cores` now.
    pub fn now(cores: &[usize]) -> Result<Ticks> {
        let stat = fs::read_to_string("/proc/stat")?;
        let mut sum = Ticks { all: 0, idle: 0, stolen: 0 };
        for core in cores {
            let name = format!("cpu{core} ");
            let line = stat
                .lines()
                .find(|line| line.starts_with(&name))
                .with_context(|| format!("no core {core}"))?;
            let ticks: Vec<u64> =
                line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
            ensure!(ticks.len() >= 8, "/proc/stat has an unknown format");
            // user nice system idle iowait irq softirq steal; the guest fields behind are part of user and nice.
            sum.all += ticks[..8].iter().sum::<u64>();
            sum.idle += ticks[3] + ticks[4];
            sum.stolen += ticks[7];
        }
        Ok(sum)
    }

    /// What the hypervisor took from the cores since `before`, in percent of their time.
    pub fn steal_percent(self, before: Ticks) -> f64 {
        (self.stolen - before.stolen) as f64 * 100.0 / (self.all - before.all).max(1) as f64
    }

    /// What processes other than those that used `own_ns` took since `before`, in percent of the cores' time.
    pub fn others_percent(self, before: Ticks, own_ns: u64) -> f64 {
        let away = (self.idle - before.idle) + (self.stolen - before.stolen);
        let all = (self.all - before.all).max(1) as f64;
        let busy = all - away as f64;
        ((busy - own_ns as f64 / 1e7) * 100.0 / all).max(0.0)
    }
}

/// Whether a file is mapped into a process, by a part of its name: shows that a preload took effect.
pub fn has_mapped(pid: u32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains(name))
}

/// Binds all threads of a process to `cores`; threads made later inherit it.
pub fn pin(pid: u32, cores: &[usize]) -> Result<()> {
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", &core_list(cores), &pid.to_string()])
        .stdout(Stdio::null())
        .status()
        .context("cannot run taskset (util-linux)")?;
    ensure!(status.success(), "taskset cannot bind process {pid} to cores {}", core_list(cores));
    Ok(())
}

/// Gives the calling thread real-time priority, so that a measuring thread is not delayed by the load it shares a
/// core with. False where that is not allowed.
pub fn make_this_thread_urgent() -> bool {
    let Ok(link) = fs::read_link("/proc/thread-self") else { return false };
    let Some(tid) = link.file_name().and_then(|name| name.to_str()) else { return false };
    let chrt = Command::new("chrt").args(["--fifo", "--pid", "20", tid]).stderr(Stdio::null()).status();
    chrt.is_ok_and(|status| status.success())
}

/// A command whose process is killed when the calling thread ends, so that an interrupted run leaves nothing behind.
pub fn tied(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Runs this program again in a session of its own, with the same arguments, and returns whether it succeeded;
/// `None` inside of that session.
///
/// Where the kernel groups sessions (`sched_autogroup_enabled`), what one session gets beside another depends on the
/// niceness of its group, and no group but an own one is to be changed: sched(7).
pub fn in_own_session() -> Result<Option<bool>> {
    if env::var_os(OWN_SESSION).is_some() {
        return Ok(None);
    }
    let mut command = Command::new("setsid");
    command.args(["--wait", "setpriv", "--pdeathsig", "KILL", "--"]).arg(env::current_exe()?);
    let status = command.args(env::args_os().skip(1)).env(OWN_SESSION, "1").status();
    Ok(Some(status.context("cannot run setsid (util-linux)")?.success()))
}

/// Sets the niceness of the calling thread, of threads and processes made later, and of the session's group.
pub fn set_nice(nice: i32) -> Result<()> {
    let link = fs::read_link("/proc/thread-self")?;
    let tid = link.file_name().and_then(|name| name.to_str()).context("/proc/thread-self names no thread")?;
    let renice =
        Command::new("renice").args(["-n", &nice.to_string(), "-p", tid]).stdout(Stdio::null()).status();
    ensure!(renice.context("cannot run renice")?.success(), "niceness {nice} is not allowed");
    if Path::new(AUTOGROUP).exists() {
        fs::write(AUTOGROUP, nice.to_string()).context("cannot prefer this session")?;
    }
    Ok(())
}

/// `0,1`
pub fn core_list(cores: &[usize]) -> String {
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What a result has to say about the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Processor model.
    pub cpu: String,
    /// Processors the system has.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// TCP congestion control, which shapes loopback traffic too.
    pub congestion_control: String,
}

impl Machine {
    /// Reads it from `/proc`; what cannot be read is "unknown" or 0.
    pub fn read() -> Machine {
        let text = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
        let or_unknown =
            |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.trim().to_owned() };
        let cpuinfo = text("/proc/cpuinfo");
        let model =
            cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|l| l.split_once(": "));
        let meminfo = text("/proc/meminfo");
        let total_kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let total_kib =
            total_kib.and_then(|kib| kib.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0u64);
        Machine {
            cpu: or_unknown(model.map_or("", |(_, model)| model)),
            cores: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            memory_bytes: total_kib * 1024,
            kernel: or_unknown(&text("/proc/sys/kernel/osrelease")),
            congestion_control: or_unknown(&text("/proc/sys/net/ipv4/tcp_congestion_control")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_has_cpu_time_and_memory() {
        let pid = std::process::id();
        let before = scheduled(pid).expect("schedstat").cpu_ns;
        let mut x = 1u64;
        (0..20_000_000u64).for_each(|i| x = std::hint::black_box(x.wrapping_mul(i | 1)));
        assert!(scheduled(pid).expect("schedstat").cpu_ns > before);
        assert!(rss_bytes(pid).expect("status") > 100_000);
        assert!(has_mapped(pid, "libc"));
    }

    #[test]
    fn steal_of_a_missing_core_is_an_error() {
        let now = Ticks::now(&[0]).expect("core 0");
        assert!(now.stolen + now.idle <= now.all && now.all > 0);
        assert!(Ticks::now(&[99_999]).is_err());
    }

    #[test]
    fn shares_of_the_time() {
        let before = Ticks { all: 1_000, idle: 500, stolen: 10 };
        let after = Ticks { all: 1_400, idle: 600, stolen: 30 };
        assert!((after.steal_percent(before) - 5.0).abs() < 1e-9);
        // 400 ticks, 100 idle, 20 stolen: 280 busy, of which 200 (2 s) were ours.
        assert!((after.others_percent(before, 2_000_000_000) - 20.0).abs() < 1e-9);
        assert_eq!(after.others_percent(before, 9_000_000_000), 0.0);
    }
}
