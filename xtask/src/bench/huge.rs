//! What other clients wait while one client reads or deletes a huge value.

use std::{thread, time::Duration};

use anyhow::{Context, Result, ensure};
use loadgen::BenchArgs;

use super::{
    cells::{Data, Place},
    measure::{self, Setup},
    proc,
    servers::{Binary, Server, Start},
    stall::{self, Row},
};

/// Seconds for which a value is read.
const READ_S: f64 = 10.0;
/// How long the server is watched after DEL was sent: long enough for what it does in the background.
const AFTER_DELETE: Duration = Duration::from_secs(3);

/// Pings beside one connection that sends `request` again and again.
pub fn read(binary: &Binary, data: &Data, request: &'static str, port: u16, setup: &Setup) -> Result<Row> {
    let server = filled(binary, data, port, setup)?;
    let name = request.split(' ').next().unwrap_or(request).to_lowercase();
    let base = BenchArgs {
        template: vec![request.to_owned()],
        pipeline: 1,
        ..setup.bench_args(port, BenchArgs::default())
    };
    let args = data.bench_args(BenchArgs { connections: 1, seconds: READ_S, warm_up: 0.0, ..base });
    stall::phase(format!("{name} of {}", data.name), &server, setup, || {
        let report = loadgen::run(&args)?;
        ensure!(report.operations > 0 && report.errors.is_empty(), "{name} was not answered as it should be");
        Ok(())
    })
}

/// Pings beside one DEL.
pub fn delete(binary: &Binary, data: &Data, port: u16, setup: &Setup) -> Result<Row> {
    let server = filled(binary, data, port, setup)?;
    let key = &server.client()?.call(&["KEYS", "key:*"])?;
    stall::phase(format!("del of {}", data.name), &server, setup, || {
        thread::sleep(Duration::from_millis(500));
        let deleted = server.client()?.number(&["DEL", key])?;
        ensure!(deleted == 1, "{key} was not there");
        thread::sleep(AFTER_DELETE);
        Ok(())
    })
}

fn filled(binary: &Binary, data: &Data, port: u16, setup: &Setup) -> Result<Server> {
    let (server_cores, load_cores) = setup.cores(Place::Apart);
    let start = Start { port, io_threads: 1, cores: &server_cores, echo_bytes: (0, 0) };
    let server = Server::start(binary, start)?;
    proc::pin(std::process::id(), &load_cores)?;
    measure::fill(&server, data, setup).context("before the pings")?;
    Ok(server)
}
