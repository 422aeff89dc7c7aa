//! The physical limit: a loop that reads requests and writes ready-made replies, with no keys behind it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use clap::Args;
use sys::{
    eventfd::Waker,
    poller::PollerKind,
    socket::{ListenOptions, listen_tcp},
};

/// How the echo loop is called by `engine`.
#[derive(Args)]
pub struct EchoArgs {
    /// Port on 127.0.0.1
    #[arg(long)]
    port: u16,

    /// epoll or io_uring
    #[arg(long)]
    poller: PollerKind,

    /// Length of every request
    #[arg(long)]
    request_bytes: usize,

    /// Length of every reply
    #[arg(long)]
    reply_bytes: usize,
}

/// Serves until killed.
pub fn run(args: &EchoArgs) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = listen_tcp(address, ListenOptions::default()).context("cannot listen")?;
    sys::echo::serve(listener, args.poller, args.request_bytes, args.reply_bytes, &Waker::new()?)?;
    Ok(())
}
