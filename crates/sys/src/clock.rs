//! What time it is and how much processor time went by.
//!
//! Below `node` time is an argument; this is where it comes from. [`tsc`] is for measuring short spans (latency
//! histograms, slow log) at a third of the price of `clock_gettime`; on a machine whose cycle counter does not
//! tick at a constant rate it quietly is the monotonic clock.

use std::sync::OnceLock;

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result. The clocks asked for exist on every Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
}

fn read_ns(clock: libc::clockid_t) -> u64 {
    let time = read(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Milliseconds since 1970, UTC. May jump when the host's clock is set.
#[inline]
pub fn wall_ms() -> u64 {
    read_ns(libc::CLOCK_REALTIME) / 1_000_000
}

/// Microseconds since 1970, UTC. May jump when the host's clock is set.
#[inline]
pub fn wall_us() -> u64 {
    read_ns(libc::CLOCK_REALTIME) / 1_000
}

/// Nanoseconds since some moment before the process started. Never goes back.
#[inline]
pub fn mono_ns() -> u64 {
    read_ns(libc::CLOCK_MONOTONIC)
}

/// Processor time of the calling thread in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    read_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of the whole process in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    read_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Ticks of the processor's counter. Its unit is known to [`tsc_to_ns`] only; compare values of one boot.
#[inline]
pub fn tsc() -> u64 {
    if scale().counted { counter() } else { mono_ns() }
}

/// The length of a span of [`tsc`] ticks in nanoseconds, within about 20 parts in a million.
#[inline]
pub fn tsc_to_ns(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(scale().ns_per_tick_shifted)) >> SHIFT) as u64
}

/// Whether [`tsc`] reads the processor's counter, not the monotonic clock.
pub fn tsc_is_counter() -> bool {
    scale().counted
}

/// Measures the counter now (5 ms once per process) instead of at the first use.
pub fn calibrate() {
    scale();
}

const SHIFT: u32 = 32;

struct Scale {
    counted: bool,
    /// Nanoseconds per tick, times two to the power of [`SHIFT`].
    ns_per_tick_shifted: u64,
}

fn scale() -> &'static Scale {
    static SCALE: OnceLock<Scale> = OnceLock::new();
    SCALE.get_or_init(measure)
}

fn measure() -> Scale {
    let fallback = Scale { counted: false, ns_per_tick_shifted: 1 << SHIFT };
    if !counter_is_invariant() {
        return fallback;
    }
    if let Some(hertz) = counter_hertz() {
        return Scale {
            counted: true,
            ns_per_tick_shifted: ((1_000_000_000u128 << SHIFT) / u128::from(hertz)) as u64,
        };
    }
    let (start_tick, start_ns) = paired_reading();
    let mut end = (start_tick, start_ns);
    while end.1 - start_ns < 5_000_000 {
        std::hint::spin_loop();
        end = paired_reading();
    }
    let ticks = end.0.wrapping_sub(start_tick);
    if ticks == 0 || ticks > 1 << 40 {
        return fallback;
    }
    let ns = u128::from(end.1 - start_ns);
    Scale { counted: true, ns_per_tick_shifted: ((ns << SHIFT) / u128::from(ticks)) as u64 }
}

/// Counter and clock read as close together as a few tries allow.
fn paired_reading() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..5 {
        let before = counter();
        let ns = mono_ns();
        let after = counter();
        let gap = after.wrapping_sub(before);
        if gap < best.0 {
            best = (gap, before.wrapping_add(gap / 2), ns);
        }
    }
    (best.1, best.2)
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86_64 processor has the instruction, and Linux lets user code run it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// CPUID leaf 0x8000_0007, EDX bit 8: the counter's rate does not follow the core's frequency or sleep states.
#[cfg(target_arch = "x86_64")]
fn counter_is_invariant() -> bool {
    use core::arch::x86_64::__cpuid;
    let has_leaf = __cpuid(0x8000_0000).eax >= 0x8000_0007;
    has_leaf && __cpuid(0x8000_0007).edx & (1 << 8) != 0
}

#[cfg(target_arch = "x86_64")]
fn counter_hertz() -> Option<u64> {
    None
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: reads the virtual counter, which Linux lets user code read.
    unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

/// The architecture promises a constant rate.
#[cfg(target_arch = "aarch64")]
fn counter_is_invariant() -> bool {
    true
}

#[cfg(target_arch = "aarch64")]
fn counter_hertz() -> Option<u64> {
    let hertz: u64;
    // SAFETY: reads a constant register open to user code.
    unsafe { core::arch::asm!("mrs {}, cntfrq_el0", out(reg) hertz, options(nomem, nostack)) };
    Some(hertz).filter(|hertz| *hertz > 0)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter() -> u64 {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter_is_invariant() -> bool {
    false
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter_hertz() -> Option<u64> {
    None
}

/// Whose processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuOf {
    /// All threads of this process, those that ended included.
    Process,
    /// Children that ended and were waited for.
    Children,
    /// The calling thread.
    Thread,
}

/// Processor time, as `INFO cpu` shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In user code, microseconds.
    pub user_us: u64,
    /// In the kernel on the process's behalf, microseconds.
    pub system_us: u64,
}

/// Processor time used so far, see getrusage(2).
pub fn cpu_time(of: CpuOf) -> CpuTime {
    let who = match of {
        CpuOf::Process => libc::RUSAGE_SELF,
        CpuOf::Children => libc::RUSAGE_CHILDREN,
        CpuOf::Thread => libc::RUSAGE_THREAD,
    };
    // SAFETY: all-zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place for the result.
    if unsafe { libc::getrusage(who, &mut usage) } != 0 {
        return CpuTime::default();
    }
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    CpuTime { user_us: micros(usage.ru_utime), system_us: micros(usage.ru_stime) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn burn(duration: Duration) {
        let start = mono_ns();
        while mono_ns() - start < duration.as_nanos() as u64 {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn wall_clock_agrees_with_the_standard_library() {
        let reference = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
        assert!(wall_ms().abs_diff(reference) < 1000);
        assert!(wall_us().abs_diff(reference * 1000) < 1_000_000);
    }

    #[test]
    fn cycle_counter_measures_what_the_monotonic_clock_does() {
        calibrate();
        let (tick, ns) = (tsc(), mono_ns());
        std::thread::sleep(Duration::from_millis(50));
        let by_ticks = tsc_to_ns(tsc() - tick);
        let by_clock = mono_ns() - ns;
        assert!(by_ticks.abs_diff(by_clock) < by_clock / 50, "{by_ticks} ns against {by_clock} ns");
    }

    #[test]
    fn short_spans_are_not_rounded_away() {
        assert_eq!(tsc_to_ns(0), 0);
        let ticks_of_a_day =
            u64::try_from(86_400_000_000_000u128 / u128::from(tsc_to_ns(1000).max(1)) * 1000).unwrap();
        assert!(tsc_to_ns(ticks_of_a_day).abs_diff(86_400_000_000_000) < 86_400_000_000_000 / 100);
    }

    #[test]
    fn processor_time_grows_with_work_of_the_thread() {
        let (thread, process) = (thread_cpu_ns(), process_cpu_ns());
        let before = cpu_time(CpuOf::Thread);
        // On a busy machine a thread may get little of the processor.
        let began = std::time::Instant::now();
        while thread_cpu_ns() - thread < 10_000_000 {
            burn(Duration::from_millis(10));
            assert!(began.elapsed() < Duration::from_secs(30), "the thread's time stands still");
        }
        assert!(process_cpu_ns() - process >= 10_000_000);
        let after = cpu_time(CpuOf::Thread);
        assert!(after.user_us + after.system_us > before.user_us + before.system_us);
        // The kernel splits a sum into user and system time for each anew.
        let process = cpu_time(CpuOf::Process);
        assert!(process.user_us + process.system_us >= after.user_us + after.system_us);
    }
}
