//! The table: every parameter a node knows, in one slice.
//!
//! Rows live in one file per noun and are flattened at compile time, so a row has a number ([`RowId`]) that
//! is known at compile time too: `const PORT: RowId = table::row("port");`. A name that is not in the table
//! fails the build.

mod cluster;
mod encoding;
mod engine;
mod lazyfree;
mod limits;
mod logging;
mod memory;
mod network;
mod persistence;
mod process;
mod replication;
mod security;
mod tls;

use crate::row::Row;

/// The groups in the order of the documentation: title and rows.
pub const GROUPS: &[(&str, &[Row])] = &[
    ("Network", network::ROWS),
    ("Transport security", tls::ROWS),
    ("Security", security::ROWS),
    ("Client limits", limits::ROWS),
    ("Memory and eviction", memory::ROWS),
    ("Lazy freeing", lazyfree::ROWS),
    ("Encodings", encoding::ROWS),
    ("Persistence", persistence::ROWS),
    ("Replication", replication::ROWS),
    ("Cluster", cluster::ROWS),
    ("Logging and observation", logging::ROWS),
    ("Process", process::ROWS),
    ("This engine only", engine::ROWS),
];

/// How many rows there are.
pub const COUNT: usize = count();

/// All rows; a [`RowId`] is an index into this array.
pub static ROWS: [Row; COUNT] = flatten();

/// The number of a row: stable within one build, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(u16);

impl RowId {
    /// The index into [`ROWS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The row itself.
    pub fn row(self) -> &'static Row {
        &ROWS[self.index()]
    }
}

/// The number of a row by its canonical name, at compile time. A name that does not exist stops the build
/// when used in a constant, and panics otherwise; names from outside go through [`find`].
pub const fn row(name: &str) -> RowId {
    let mut index = 0;
    while index < COUNT {
        if same(ROWS[index].name.as_bytes(), name.as_bytes()) {
            return RowId(index as u16);
        }
        index += 1;
    }
    panic!("no parameter of that name");
}

/// Looks a name or alias up, ignoring case, and says which of the row's spellings it is.
pub fn find(name: &[u8]) -> Option<(RowId, &'static str)> {
    all().find_map(|id| {
        id.row().names().find(|known| known.as_bytes().eq_ignore_ascii_case(name)).map(|known| (id, known))
    })
}

/// The numbers of all rows, in table order.
pub fn all() -> impl Iterator<Item = RowId> {
    (0..COUNT).map(|index| RowId(index as u16))
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn count() -> usize {
    let mut total = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        total += GROUPS[group].1.len();
        group += 1;
    }
    total
}

const fn flatten() -> [Row; COUNT] {
    let mut rows = [GROUPS[0].1[0]; COUNT];
    let mut next = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut index = 0;
        while index < GROUPS[group].1.len() {
            rows[next] = GROUPS[group].1[index];
            next += 1;
            index += 1;
        }
        group += 1;
    }
    rows
}
