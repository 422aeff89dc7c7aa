//! The families: one file per command group, each a table of generators.
//!
//! A new family is a file with a `FAMILY` and a line in [`ALL`]. Which options exist, and whether they were all
//! reached, is not told here: `coverage.rs` asks the server's COMMAND DOCS.

use super::generate::Gen;

pub mod bitmap;
pub mod blocking;
pub mod connection;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod protocol;
pub mod server;
pub mod set;
pub mod sort;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod transactions;

/// A group of commands.
#[derive(Debug)]
pub struct Family {
    /// Its name on the command line.
    pub name: &'static str,
    /// The group of COMMAND DOCS whose commands and options it must reach; empty for none.
    pub group: &'static str,
    /// How often it is drawn, in proportion to the others.
    pub weight: usize,
    /// Whether clients wait in it, which needs more of them.
    pub waits: bool,
    /// Its generators.
    pub generators: &'static [Generator],
}

/// What makes the steps of one command.
#[derive(Debug)]
pub struct Generator {
    /// How often it is drawn, in proportion to the others of its family.
    pub weight: usize,
    /// Adds one step, or several that belong together.
    pub run: fn(&mut Gen),
}

/// A row of a family's table.
pub const fn row(weight: usize, run: fn(&mut Gen)) -> Generator {
    Generator { weight, run }
}

/// Every family.
pub const ALL: &[Family] = &[
    string::FAMILY,
    generic::FAMILY,
    connection::FAMILY,
    transactions::FAMILY,
    bitmap::FAMILY,
    hyperloglog::FAMILY,
    server::FAMILY,
    protocol::FAMILY,
    hash::FAMILY,
    list::FAMILY,
    set::FAMILY,
    sorted_set::FAMILY,
    geo::FAMILY,
    stream::FAMILY,
];

/// Names of the families that work on strings and on the node.
pub const STRINGS: &str = "string,generic,connection,transactions,bitmap,hyperloglog,server,protocol";

/// Names of the families that work on collections, with those that work on every key.
pub const COLLECTIONS: &str = "hash,list,set,sorted_set,geo,stream,generic,transactions";

/// The families named in a list such as `string,generic`. The error lists the names there are.
pub fn named(list: &str) -> Result<Vec<&'static Family>, String> {
    let find = |name: &str| {
        ALL.iter().find(|family| family.name == name).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|family| family.name).collect();
            format!("no family '{name}': there are {}", names.join(", "))
        })
    };
    list.split(',').map(|name| find(name.trim())).collect()
}
