//! The effects of one unit of work, as handlers push them.
//!
//! Handlers push whether or not anybody listens: with the log off only the count grows, which lets the dispatcher
//! check that no change goes by without an effect.

/// The effects of the unit under way; one buffer per thread, used again and again.
#[derive(Debug, Default)]
pub struct Effects {
    active: bool,
    count: usize,
    /// RESP commands, one after the other, each with its database.
    bytes: Vec<u8>,
    /// Start of each effect in `bytes`, and its database.
    starts: Vec<(u32, usize)>,
}

impl Effects {
    /// A buffer that keeps effects (`active`) or only counts them.
    pub fn new(active: bool) -> Self {
        Effects { active, ..Effects::default() }
    }

    /// Whether effects are kept.
    #[inline(always)]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Effects pushed since the last `clear`.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none was pushed.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds the command `argv`, to be run in logical database `db`.
    #[inline(always)]
    pub fn push(&mut self, db: u32, argv: &[&[u8]]) {
        self.count += 1;
        if self.active {
            self.append(db, argv);
        }
    }

    #[inline(never)]
    fn append(&mut self, db: u32, argv: &[&[u8]]) {
        self.starts.push((db, self.bytes.len()));
        wire::resp::reply::encode_command(&mut self.bytes, argv);
    }

    /// Forgets all effects; the buffer stays.
    #[inline(always)]
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.count = 0;
            self.bytes.clear();
            self.starts.clear();
        }
    }

    /// The kept effects: database and RESP bytes of each.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.starts.iter().enumerate().map(|(i, &(db, start))| {
            let end = self.starts.get(i + 1).map_or(self.bytes.len(), |&(_, next)| next);
            (db, &self.bytes[start..end])
        })
    }
}
