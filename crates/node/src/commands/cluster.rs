//! Cluster commands (<https://valkey.io/commands/#cluster>) of a node that is in no cluster.
//!
//! Cluster mode comes later. Until then the node is what valkey-server is with `cluster-enabled no`, so that clients
//! which probe for a cluster find out in the way they expect. Only KEYSLOT needs no cluster: it is arithmetic.

use commands::facts::{Facts, cluster as facts};
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    off(&facts::ASKING),
    off(&facts::CLUSTERSCAN),
    NodeSpec { facts: &facts::READONLY, gate: false, run: ok },
    NodeSpec { facts: &facts::READWRITE, gate: false, run: ok },
    NodeSpec { facts: &facts::CLUSTER_KEYSLOT, gate: false, run: cluster_keyslot },
    off(&facts::CLUSTER_ADDSLOTS),
    off(&facts::CLUSTER_ADDSLOTSRANGE),
    off(&facts::CLUSTER_BUMPEPOCH),
    off(&facts::CLUSTER_CANCELSLOTMIGRATIONS),
    off(&facts::CLUSTER_COUNT_FAILURE_REPORTS),
    off(&facts::CLUSTER_COUNTKEYSINSLOT),
    off(&facts::CLUSTER_DELSLOTS),
    off(&facts::CLUSTER_DELSLOTSRANGE),
    off(&facts::CLUSTER_FAILOVER),
    off(&facts::CLUSTER_FLUSHSLOT),
    off(&facts::CLUSTER_FLUSHSLOTS),
    off(&facts::CLUSTER_FORGET),
    off(&facts::CLUSTER_GETKEYSINSLOT),
    off(&facts::CLUSTER_GETSLOTMIGRATIONS),
    off(&facts::CLUSTER_HELP),
    off(&facts::CLUSTER_INFO),
    off(&facts::CLUSTER_LINKS),
    off(&facts::CLUSTER_MEET),
    off(&facts::CLUSTER_MIGRATESLOTS),
    off(&facts::CLUSTER_MYID),
    off(&facts::CLUSTER_MYSHARDID),
    off(&facts::CLUSTER_NODES),
    off(&facts::CLUSTER_REPLICAS),
    off(&facts::CLUSTER_REPLICATE),
    off(&facts::CLUSTER_RESET),
    off(&facts::CLUSTER_SAVECONFIG),
    off(&facts::CLUSTER_SET_CONFIG_EPOCH),
    off(&facts::CLUSTER_SETSLOT),
    off(&facts::CLUSTER_SHARDS),
    off(&facts::CLUSTER_SLAVES),
    off(&facts::CLUSTER_SLOT_STATS),
    off(&facts::CLUSTER_SLOTS),
    off(&facts::CLUSTER_SYNCSLOTS),
];

/// What everything that needs a cluster is refused with.
pub const DISABLED: CommandError = CommandError::text("ERR This instance has cluster support disabled");

/// The row of a command that needs a cluster.
const fn off(facts: &'static Facts) -> NodeSpec {
    NodeSpec { facts, gate: false, run: disabled }
}

/// Everything that needs a cluster, HELP included.
fn disabled(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(DISABLED)
}

/// `READONLY` and `READWRITE`: every key is here, whatever a client says about replicas.
fn ok(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLUSTER KEYSLOT key`. O(length of the key).
pub fn cluster_keyslot(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.reply.int(i64::from(keyspace::key::slot_of(args.get(2))));
    Ok(Outcome::Done)
}
