//! The effects of one unit of work, as handlers push them.
//!
//! Handlers push whether or not anybody listens: with the log off only the count grows, which lets the dispatcher
//! check that no change goes by without an effect.

/// The effects of the unit under way; one buffer per thread, used again and again.
#[derive(Debug, Default)]
pub struct Effects {
    active: bool,
    count: usize,
    /// Frames as they stand in a record: database, length, RESP command.
    frames: Vec<u8>,
}

/// A buffer above this is given back after use.
const KEPT_BYTES: usize = 256 * 1024;

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
        self.frames.extend_from_slice(&db.to_le_bytes());
        let at = self.frames.len();
        self.frames.extend_from_slice(&[0; 4]);
        wire::resp::reply::encode_command(&mut self.frames, argv);
        let length = (self.frames.len() - at - 4) as u32;
        self.frames[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Adds the effects of another buffer, in their order.
    pub fn extend(&mut self, other: &Effects) {
        self.count += other.count;
        if self.active {
            self.frames.extend_from_slice(&other.frames);
        }
    }

    /// Forgets all effects; the buffer stays unless it is large.
    #[inline(always)]
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.count = 0;
            self.frames.clear();
            if self.frames.capacity() > KEPT_BYTES {
                self.frames = Vec::new();
            }
        }
    }

    /// The kept effects as they stand in a record.
    #[inline]
    pub fn framed(&self) -> &[u8] {
        &self.frames
    }

    /// The kept effects: database and RESP bytes of each.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = self.frames.as_slice();
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_at_checked(8)?;
            let db = u32::from_le_bytes(head[..4].try_into().ok()?);
            let length = u32::from_le_bytes(head[4..].try_into().ok()?) as usize;
            let (resp, after) = tail.split_at(length);
            rest = after;
            Some((db, resp))
        })
    }
}
