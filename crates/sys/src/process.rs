//! The process as a whole: going to the background, its pid file, and what `INFO server` says of the host.

use crate::check;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Goes to the background as `daemonize yes` asks: the calling process ends, its child goes on in a session of
/// its own with standard input, output and error at `/dev/null`. The working directory stays.
///
/// Call it before any thread is started; fails when the process already has more than one, because the others
/// would not exist in the child.
pub fn daemonize() -> io::Result<()> {
    if thread_count() > 1 {
        return Err(io::Error::other("cannot daemonize after threads were started"));
    }
    // SAFETY: the process has one thread, so no lock another holds is carried into the child.
    if check(unsafe { libc::fork() })? != 0 {
        // SAFETY: ends the parent without running exit handlers, which belong to the child now.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: takes no pointers.
    check(unsafe { libc::setsid() })?;
    // SAFETY: the path is a terminated string.
    let null = check(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) })?;
    // SAFETY: just opened, owned by nobody else.
    let null = unsafe { OwnedFd::from_raw_fd(null) };
    for standard in 0..3 {
        // SAFETY: takes no pointers. dup2 clears close-on-exec on the copy.
        check(unsafe { libc::dup2(null.as_raw_fd(), standard) })?;
    }
    if null.as_raw_fd() < 3 {
        // It became one of the three itself, which must stay open.
        std::mem::forget(null);
    }
    Ok(())
}

/// Threads of the process as the kernel counts them; 1 when proc is not mounted.
pub fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Writes the process id and a line feed to `path`, replacing what was there.
pub fn write_pid_file(path: &Path) -> io::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
}

/// Removes the pid file at shutdown. One that is already gone is fine.
pub fn remove_pid_file(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The host's system as `INFO server` shows it in `os`: `Linux 6.1.0 x86_64`.
pub fn os_text() -> String {
    // SAFETY: all-zero is a valid utsname.
    let mut name: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `name` is a valid place for the result.
    if unsafe { libc::uname(&mut name) } != 0 {
        return "Linux".to_owned();
    }
    // SAFETY: the kernel terminates each field within its array.
    let text =
        |field: &[libc::c_char]| unsafe { CStr::from_ptr(field.as_ptr()) }.to_string_lossy().into_owned();
    format!("{} {} {}", text(&name.sysname), text(&name.release), text(&name.machine))
}

/// Absolute path of the running program, as `INFO server` shows it in `executable`.
pub fn executable_path() -> PathBuf {
    std::env::current_exe().unwrap_or_default()
}

/// Processors this process may run on, at least 1.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Memory of the host in bytes; 0 when the kernel does not say.
pub fn total_memory_bytes() -> u64 {
    // SAFETY: all-zero is a valid sysinfo.
    let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is a valid place for the result.
    if unsafe { libc::sysinfo(&mut info) } != 0 {
        return 0;
    }
    info.totalram as u64 * u64::from(info.mem_unit)
}

/// Reads the head of a small proc file without allocating. Empty when it cannot be read.
pub(crate) fn read_proc<'a>(path: &CStr, into: &'a mut [u8]) -> &'a [u8] {
    // SAFETY: the path is a terminated string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return &[];
    }
    // SAFETY: just opened, owned by nobody else.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `into` is writable for its length.
    let got = unsafe { libc::read(file.as_raw_fd(), into.as_mut_ptr().cast(), into.len()) };
    &into[..usize::try_from(got).unwrap_or(0)]
}

/// A plain decimal number.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()
}

/// A path as a terminated string for libc; fails when it holds a zero byte.
pub(crate) fn c_path(path: &Path) -> io::Result<std::ffi::CString> {
    Ok(std::ffi::CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_file_holds_the_pid_and_goes_away() {
        let path = std::env::temp_dir().join(format!("sys-pid-{}", std::process::id()));
        write_pid_file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        remove_pid_file(&path).unwrap();
        assert!(!path.exists());
        remove_pid_file(&path).unwrap();
    }

    #[test]
    fn host_is_described() {
        let os = os_text();
        assert!(os.starts_with("Linux ") && os.ends_with(std::env::consts::ARCH), "{os}");
        assert!(executable_path().is_absolute());
        assert!(processors() >= 1);
        assert!(total_memory_bytes() > 1 << 20);
        assert!(thread_count() >= 2, "the test runner has a thread for this test");
    }

    #[test]
    fn daemonize_refuses_a_process_with_threads() {
        assert!(daemonize().is_err());
    }

    #[test]
    fn numbers_of_proc_files_are_read() {
        assert_eq!(decimal(b" 123\n"), Some(123));
        assert_eq!(decimal(b"x"), None);
        let mut text = [0; 64];
        assert!(read_proc(c"/proc/self/statm", &mut text).len() > 5);
        assert!(read_proc(c"/proc/self/no-such-file", &mut text).is_empty());
    }
}
