//! Last words: what a crash leaves in the log before the process ends the way the signal demands.
//!
//! Operators and test suites look for the line `crashed by signal: N`. The handler runs in a process whose memory
//! may be damaged, so it formats into a buffer on its stack, writes to descriptors opened long before, and calls
//! nothing that allocates or locks.

use crate::check;
use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// The signals of a program gone wrong.
const FATAL: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];

static LOG_FD: AtomicI32 = AtomicI32::new(libc::STDERR_FILENO);
/// A leaked `String`.
static PROGRAM: AtomicPtr<String> = AtomicPtr::new(std::ptr::null_mut());

/// From now on a crash is reported to `log` before it ends the process. `program` opens the line, name and
/// version for example. Call it again when the log file changes; the old descriptor stays open, since a crash may
/// be using it.
pub fn install(log: OwnedFd, program: &str) -> io::Result<()> {
    PROGRAM.store(Box::into_raw(Box::new(program.to_owned())), Ordering::Release);
    LOG_FD.store(log.into_raw_fd(), Ordering::Release);
    for signal in FATAL {
        // SAFETY: all-zero is a valid sigaction with an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = report as *const () as libc::sighandler_t;
        // On the alternate stack, since the stack itself may have overflowed; once only, so that a fault inside
        // the handler and the signal raised at its end take the default way.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND | libc::SA_NODEFER;
        // SAFETY: `action` is readable; the handler does only what is allowed in one.
        check(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) })?;
    }
    Ok(())
}

/// Text built on the stack; what does not fit is cut off.
struct Line {
    bytes: [u8; 512],
    length: usize,
}

impl Line {
    fn push(&mut self, text: &[u8]) {
        for byte in text {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = *byte;
                self.length += 1;
            }
        }
    }

    fn push_decimal(&mut self, number: i64) {
        if number < 0 {
            self.push(b"-");
        }
        self.push_digits(number.unsigned_abs(), 10);
    }

    fn push_digits(&mut self, mut number: u64, base: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }
}

extern "C" fn report(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let mut line = Line { bytes: [0; 512], length: 0 };
    // SAFETY: null or a string that was leaked for this purpose.
    if let Some(program) = unsafe { PROGRAM.load(Ordering::Acquire).as_ref() } {
        line.push(program.as_bytes());
        line.push(b" ");
    }
    line.push(b"crashed by signal: ");
    line.push_decimal(i64::from(signal));
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    line.push(b", si_code: ");
    line.push_decimal(i64::from(info.si_code));
    line.push(b"\n");
    if signal == libc::SIGSEGV || signal == libc::SIGBUS {
        line.push(b"Accessing address: 0x");
        // SAFETY: these two signals carry an address.
        line.push_digits(unsafe { info.si_addr() }.addr() as u64, 16);
        line.push(b"\n");
    }
    line.push(b"Crashed running the instruction at: 0x");
    line.push_digits(instruction(context), 16);
    line.push(b"\n");
    let log = LOG_FD.load(Ordering::Acquire);
    // SAFETY: the line is readable for its length; write is allowed in a handler.
    unsafe { libc::write(log, line.bytes.as_ptr().cast(), line.length) };
    // The action is the default one again.
    // SAFETY: allowed in a handler.
    unsafe { libc::raise(signal) };
}

/// Where the program was.
#[cfg(target_arch = "x86_64")]
fn instruction(context: *mut libc::c_void) -> u64 {
    // SAFETY: with SA_SIGINFO the kernel passes a valid ucontext.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    context.uc_mcontext.gregs[libc::REG_RIP as usize] as u64
}

#[cfg(target_arch = "aarch64")]
fn instruction(context: *mut libc::c_void) -> u64 {
    // SAFETY: with SA_SIGINFO the kernel passes a valid ucontext.
    unsafe { &*context.cast::<libc::ucontext_t>() }.uc_mcontext.pc
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction(_context: *mut libc::c_void) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    const NAME: &str = "crash::tests::crash_is_reported_and_ends_the_process_by_its_signal";

    fn play_child(how: &str, log: &str) {
        let log = std::fs::File::create(log).unwrap();
        install(log.into(), "Engine 1.2.3").unwrap();
        match how {
            // SAFETY: a fault is the purpose.
            "fault" => unsafe { std::ptr::without_provenance_mut::<u8>(0x10).write_volatile(1) },
            "abort" => std::process::abort(),
            _ => {
                crate::signals::raise(libc::SIGFPE).unwrap();
                // It may be another thread that gets it.
                std::thread::sleep(std::time::Duration::from_secs(5));
            }
        }
        std::process::exit(55);
    }

    #[test]
    fn crash_is_reported_and_ends_the_process_by_its_signal() {
        if let (Ok(how), Ok(log)) = (std::env::var("SYS_TEST_CRASH"), std::env::var("SYS_TEST_LOG")) {
            return play_child(&how, &log);
        }
        for (how, signal) in [("fault", libc::SIGSEGV), ("abort", libc::SIGABRT), ("sent", libc::SIGFPE)] {
            let log = std::env::temp_dir().join(format!("sys-crash-{}-{how}", std::process::id()));
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", NAME, "--test-threads=1"])
                .env("SYS_TEST_CRASH", how)
                .env("SYS_TEST_LOG", &log)
                .output()
                .unwrap()
                .status;
            assert_eq!(status.signal(), Some(signal), "{how}: {status}");
            let text = std::fs::read_to_string(&log).unwrap();
            std::fs::remove_file(&log).unwrap();
            assert!(
                text.starts_with(&format!("Engine 1.2.3 crashed by signal: {signal}, si_code: ")),
                "{text}"
            );
            assert_eq!(text.contains("Accessing address: 0x10\n"), how == "fault", "{text}");
            assert!(text.ends_with('\n'));
        }
    }

    #[test]
    fn numbers_are_written_and_overlong_text_is_cut() {
        let mut line = Line { bytes: [0; 512], length: 0 };
        line.push_decimal(-60);
        line.push_digits(0xbeef, 16);
        line.push_digits(0, 10);
        assert_eq!(&line.bytes[..line.length], b"-60beef0");
        line.push_digits(u64::MAX, 10);
        line.push(&[b'x'; 1000]);
        assert_eq!(line.length, 512);
    }
}
