//! The `brasa` binary.

use std::process::ExitCode;

#[global_allocator]
static GLOBAL: sys::alloc::CountingAlloc = sys::alloc::CountingAlloc;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(2).collect();
    node::run(&args, node::startup::StartOptions::default())
}
