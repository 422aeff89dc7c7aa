//! Crashes on purpose, for those who test what a crash leaves behind.

use std::alloc::{Layout, handle_alloc_error};

use crate::log;

/// The number of the signal for an invalid memory access.
const SIGSEGV: i32 = 11;

/// Ends the process in the named way. A panic that unwinds would end one thread only, so all but `segfault` abort.
pub(super) fn crash(how: &str) -> ! {
    log::warning(&format!("DEBUG {}: crashing as asked", how.to_ascii_uppercase()));
    match how {
        "segfault" => {
            let _ = sys::signals::raise(SIGSEGV);
        }
        "oom" => {
            if let Ok(layout) = Layout::array::<u8>(isize::MAX as usize / 2) {
                handle_alloc_error(layout);
            }
        }
        _ => {}
    }
    std::process::abort()
}
