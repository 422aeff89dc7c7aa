//! Threads: names, processors, and hints to the core.

use crate::check;
use std::io;

/// Names the calling thread for `top -H` and debuggers. The kernel keeps the first 15 bytes.
pub fn set_name(name: &str) {
    let mut text = [0u8; 16];
    for (to, from) in text[..15].iter_mut().zip(name.bytes().take_while(|byte| *byte != 0)) {
        *to = from;
    }
    // SAFETY: `text` is a terminated string of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, text.as_ptr()) };
}

/// Binds the calling thread to these processors; fails when none of them may be used.
pub fn set_affinity(processors: &[usize]) -> io::Result<()> {
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &processor in processors {
        if processor >= libc::CPU_SETSIZE as usize {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: the number is within the set, checked above.
        unsafe { libc::CPU_SET(processor, &mut set) };
    }
    // SAFETY: `set` is readable for the size given; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })?;
    Ok(())
}

/// The processors the calling thread may run on, ascending.
pub fn affinity() -> io::Result<Vec<usize>> {
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is writable for the size given; 0 is the calling thread.
    check(unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) })?;
    // SAFETY: the number is within the set.
    Ok((0..libc::CPU_SETSIZE as usize)
        .filter(|processor| unsafe { libc::CPU_ISSET(*processor, &set) })
        .collect())
}

/// Lets the calling thread run only where a processor has nothing else to do, and gives way at once to whoever wakes up
/// there (`SCHED_IDLE`).
pub fn give_way() {
    // SAFETY: all-zero is a valid parameter, and the only one for this policy.
    let parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: `parameter` is readable; 0 is the calling thread. Lowering is always allowed.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameter) };
}

/// Says that the calling thread never takes a processor from a thread that runs when it wakes up (`SCHED_BATCH`).
pub fn batch() {
    // SAFETY: all-zero is a valid parameter, and the only one for this policy.
    let parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: `parameter` is readable; 0 is the calling thread. Every thread may ask for it.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &parameter) };
}

/// Says that the calling thread computes for long: as [`batch`], and it gives way to those that serve requests as soon as
/// they wake up, and has a tenth of the processor where they are busy all the time (ten steps nicer).
pub fn compute_in_background() {
    batch();
    const NICER: libc::c_int = 10;
    // SAFETY: take no pointers; 0 is the calling thread, on Linux. Lowering is always allowed.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, libc::getpriority(libc::PRIO_PROCESS, 0) + NICER) };
}

/// Kernel's number of the calling thread.
pub fn id() -> u32 {
    // SAFETY: takes no pointers.
    unsafe { libc::gettid() as u32 }
}

/// Tells the core that this is a busy-wait.
#[inline(always)]
pub fn spin_hint() {
    std::hint::spin_loop();
}

/// Starts loading the cache line that holds the head of `value`, so that a read soon after need not wait.
#[inline(always)]
pub fn prefetch<T: ?Sized>(value: &T) {
    prefetch_addr(std::ptr::from_ref(value).cast::<u8>().addr());
}

/// Starts loading the cache line of an address. Any address will do: a prefetch never faults and changes nothing
/// but the cache.
#[inline(always)]
pub fn prefetch_addr(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction neither faults nor writes, whatever the address.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the instruction neither faults nor writes, whatever the address.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_cut_to_what_the_kernel_keeps() {
        std::thread::spawn(|| {
            set_name("io_thread_number_17");
            let path = format!("/proc/self/task/{}/comm", id());
            assert_eq!(std::fs::read_to_string(path).unwrap(), "io_thread_numbe\n");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn affinity_is_what_was_set() {
        std::thread::spawn(|| {
            let allowed = affinity().unwrap();
            assert!(!allowed.is_empty());
            let last = *allowed.last().unwrap();
            set_affinity(&[last]).unwrap();
            assert_eq!(affinity().unwrap(), [last]);
            set_affinity(&[]).unwrap_err();
            set_affinity(&[1 << 20]).unwrap_err();
            assert_eq!(affinity().unwrap(), [last]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn prefetch_takes_any_address() {
        prefetch(&7u64);
        prefetch("text");
        prefetch::<[u8]>(&[]);
        for address in [0, 1, 4095, usize::MAX, 1 << 47] {
            prefetch_addr(address);
        }
        spin_hint();
    }
}
