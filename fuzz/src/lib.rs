//! What the fuzz targets run. `cargo +nightly fuzz run TARGET` in this folder, see
//! <https://rust-fuzz.github.io/book/cargo-fuzz.html>; corpora and finds stay out of the repository.

pub mod command_args;
pub mod config_file;
