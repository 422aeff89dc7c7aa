//! The `brasa` binary.
fn main() {}
