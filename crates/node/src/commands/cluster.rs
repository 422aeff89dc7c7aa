//! Cluster commands (<https://valkey.io/commands/#cluster>) of a node that is in no cluster.
//!
//! Cluster mode comes later. Until then the node is what valkey-server is with `cluster-enabled no`, so that clients
//! which probe for a cluster find out in the way they expect. Only KEYSLOT needs no cluster: it is arithmetic.

use commands::facts::cluster as facts;
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::ASKING, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTERSCAN, gate: false, run: disabled },
    NodeSpec { facts: &facts::READONLY, gate: false, run: ok },
    NodeSpec { facts: &facts::READWRITE, gate: false, run: ok },
    NodeSpec { facts: &facts::CLUSTER_KEYSLOT, gate: false, run: cluster_keyslot },
    NodeSpec { facts: &facts::CLUSTER_ADDSLOTS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_ADDSLOTSRANGE, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_BUMPEPOCH, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_CANCELSLOTMIGRATIONS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_COUNT_FAILURE_REPORTS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_COUNTKEYSINSLOT, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_DELSLOTS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_DELSLOTSRANGE, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_FAILOVER, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_FLUSHSLOT, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_FLUSHSLOTS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_FORGET, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_GETKEYSINSLOT, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_GETSLOTMIGRATIONS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_HELP, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_INFO, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_LINKS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_MEET, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_MIGRATESLOTS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_MYID, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_MYSHARDID, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_NODES, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_REPLICAS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_REPLICATE, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_RESET, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SAVECONFIG, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SET_CONFIG_EPOCH, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SETSLOT, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SHARDS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SLAVES, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SLOT_STATS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SLOTS, gate: false, run: disabled },
    NodeSpec { facts: &facts::CLUSTER_SYNCSLOTS, gate: false, run: disabled },
];

/// What everything that needs a cluster is refused with.
pub const DISABLED: CommandError = CommandError::text("ERR This instance has cluster support disabled");

/// Everything that needs a cluster, HELP included.
pub fn disabled(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(DISABLED)
}

/// `READONLY` and `READWRITE`: every key is here, whatever a client says about replicas.
pub fn ok(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLUSTER KEYSLOT key`. O(length of the key).
pub fn cluster_keyslot(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.reply.int(i64::from(keyspace::key::slot_of(args.get(2))));
    Ok(Outcome::Done)
}
