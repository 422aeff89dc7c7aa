//! Consumer groups: how far a group has read, and which messages were given to whom and not acknowledged.
//!
//! A group keeps its pending messages by id, each with its consumer; a consumer keeps the ids of its own. So what is
//! asked for is found from either side, and nothing is allocated for a single message.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::entries::Entries;
use super::id::StreamId;
use super::map::{IdMap, Value};

/// A consumer of one group, valid until it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerRef(u32);

/// A message that was given to a consumer and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Whose it is.
    pub consumer: ConsumerRef,
    /// When it was given last, Unix ms.
    pub delivered_at_ms: i64,
    /// How many times it was given.
    pub deliveries: u64,
}

impl Value for Pending {
    const BYTES: usize = 20;

    fn read(bytes: &[u8]) -> Pending {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let number = u32::from_le_bytes(bytes[16..20].try_into().expect("four bytes"));
        let consumer = ConsumerRef(number);
        Pending { consumer, delivered_at_ms: word(0) as i64, deliveries: word(8) }
    }

    fn write(self, bytes: &mut [u8]) {
        bytes[..8].copy_from_slice(&self.delivered_at_ms.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.deliveries.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.consumer.0.to_le_bytes());
    }
}

/// A consumer.
#[derive(Clone)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for something, Unix ms.
    pub seen_at_ms: i64,
    /// When it last got something, Unix ms; `None` if never.
    pub active_at_ms: Option<i64>,
    pending: IdMap<()>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Number of its pending messages. O(1).
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Consumer>() + 2 * size_of::<usize>() + self.name.len() + self.pending.memory_bytes()
    }
}

/// What remains of a deleted consumer, to be freed.
pub struct Deleted {
    /// Number of its pending messages.
    pub pending: usize,
    consumer: Arc<Consumer>,
    /// The group's pending messages, if all were the consumer's.
    all: IdMap<Pending>,
}

impl Deleted {
    /// Allocations to free, roughly. O(1).
    pub fn free_effort(&self) -> usize {
        (self.consumer.memory_bytes() + self.all.memory_bytes()) / 2048
    }
}

/// A consumer group.
#[derive(Clone)]
pub struct Group {
    name: Box<[u8]>,
    /// The last message given to a consumer for the first time.
    pub last_id: StreamId,
    /// How many messages were ever added up to `last_id`; `None` if unknown.
    pub entries_read: Option<i64>,
    pending: IdMap<Pending>,
    /// Consumers by number; numbers of deleted ones are given again.
    consumers: Vec<Option<Arc<Consumer>>>,
    /// Numbers of all consumers in the order of their names.
    by_name: Vec<u32>,
    /// Heap bytes of all consumers.
    consumer_bytes: usize,
}

impl Group {
    /// A group without consumers.
    pub fn new(name: &[u8], last_id: StreamId, entries_read: Option<i64>) -> Group {
        Group {
            name: name.into(),
            last_id,
            entries_read,
            pending: IdMap::default(),
            consumers: Vec::new(),
            by_name: Vec::new(),
            consumer_bytes: 0,
        }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Group>()
            + 2 * size_of::<usize>()
            + self.name.len()
            + self.pending.memory_bytes()
            + self.consumers.capacity() * size_of::<Option<Arc<Consumer>>>()
            + self.by_name.capacity() * size_of::<u32>()
            + self.consumer_bytes
    }

    /// Allocations to free, roughly. O(1).
    pub fn free_effort(&self) -> usize {
        self.memory_bytes() / 2048 + 2 * self.by_name.len()
    }

    /// Number of pending messages. O(1).
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// How many messages are still to be given; `None` if that cannot be known. O(1).
    pub fn lag(&self, entries: &Entries) -> Option<i64> {
        let added = entries.added() as i64;
        if added == 0 {
            return Some(0);
        }
        let read = match self.entries_read {
            Some(read) if !entries.has_gaps_from(self.last_id) => read,
            _ => entries.added_up_to(self.last_id)? as i64,
        };
        Some(added.wrapping_sub(read))
    }

    /// Notes that a message was given. Returns whether it was the first time, so that `last_id` moved on. O(1).
    pub fn advance(&mut self, entries: &Entries, id: StreamId) -> bool {
        if id <= self.last_id {
            return false;
        }
        if let Some(read) = &mut self.entries_read
            && self.last_id >= entries.first_id()
            && !entries.has_gaps_from(self.last_id)
        {
            *read = read.wrapping_add(1);
        } else if entries.added() > 0 {
            self.entries_read = entries.added_up_to(id).map(|read| read as i64);
        }
        self.last_id = id;
        true
    }

    /// Number of consumers. O(1).
    pub fn consumers_len(&self) -> usize {
        self.by_name.len()
    }

    /// All consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.iter().map(|&number| self.consumer(ConsumerRef(number)))
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|&number| (*self.consumer(ConsumerRef(number)).name).cmp(name))
    }

    /// Looks for a consumer by name. O(log consumers).
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerRef> {
        self.place(name).ok().map(|at| ConsumerRef(self.by_name[at]))
    }

    /// A consumer.
    pub fn consumer(&self, consumer: ConsumerRef) -> &Consumer {
        self.consumers[consumer.0 as usize].as_ref().expect("a consumer that was not deleted")
    }

    /// A consumer, to change its times.
    pub fn consumer_mut(&mut self, consumer: ConsumerRef) -> &mut Consumer {
        Arc::make_mut(self.consumers[consumer.0 as usize].as_mut().expect("a consumer that was not deleted"))
    }

    /// Creates a consumer unless there is one of this name; says which it is and whether it is new. O(consumers) for
    /// a new one, with a small constant.
    pub fn consumer_or_new(&mut self, name: &[u8], now_ms: i64) -> (ConsumerRef, bool) {
        let at = match self.place(name) {
            Ok(at) => return (ConsumerRef(self.by_name[at]), false),
            Err(at) => at,
        };
        let consumer =
            Consumer { name: name.into(), seen_at_ms: now_ms, active_at_ms: None, pending: IdMap::default() };
        self.consumer_bytes += consumer.memory_bytes();
        let consumer = Some(Arc::new(consumer));
        let free = if self.by_name.len() < self.consumers.len() {
            self.consumers.iter().position(Option::is_none)
        } else {
            None
        };
        let number = match free {
            Some(number) => {
                self.consumers[number] = consumer;
                number
            }
            None => {
                self.consumers.push(consumer);
                self.consumers.len() - 1
            }
        };
        self.by_name.insert(at, number as u32);
        (ConsumerRef(number as u32), true)
    }

    /// Deletes a consumer with its pending messages. O(pending messages of the consumer), O(1) if there are no others.
    pub fn delete_consumer(&mut self, consumer: ConsumerRef) -> Deleted {
        let place = self.place(&self.consumer(consumer).name.clone()).expect("every consumer has its place");
        self.by_name.remove(place);
        let gone = self.consumers[consumer.0 as usize].take().expect("a consumer that was not deleted");
        self.consumer_bytes -= gone.memory_bytes();
        let mut all = IdMap::default();
        if gone.pending.len() == self.pending.len() {
            all = std::mem::take(&mut self.pending);
        } else {
            for (id, ()) in gone.pending.range_from(StreamId::MIN) {
                self.pending.remove(id);
            }
        }
        Deleted { pending: gone.pending.len(), consumer: gone, all }
    }

    fn edit_ids(&mut self, consumer: ConsumerRef, edit: impl FnOnce(&mut IdMap<()>)) {
        let slot = self.consumers[consumer.0 as usize].as_mut().expect("a consumer that was not deleted");
        let ids = &mut Arc::make_mut(slot).pending;
        let before = ids.memory_bytes();
        edit(ids);
        let after = ids.memory_bytes();
        self.consumer_bytes = self.consumer_bytes + after - before;
    }

    /// A pending message. O(log pending).
    pub fn pending(&self, id: StreamId) -> Option<Pending> {
        self.pending.get(id)
    }

    /// The first and the last pending message's id. O(log pending).
    pub fn pending_span(&self) -> Option<(StreamId, StreamId)> {
        Some((self.pending.first()?.0, self.pending.last()?.0))
    }

    /// Pending messages from `start` on, in order.
    pub fn pending_from(&self, start: StreamId) -> impl Iterator<Item = (StreamId, Pending)> {
        self.pending.range_from(start)
    }

    /// Pending messages of one consumer from `start` on, in order.
    pub fn pending_of(
        &self,
        consumer: ConsumerRef,
        start: StreamId,
    ) -> impl Iterator<Item = (StreamId, Pending)> {
        let ids = self.consumer(consumer).pending.range_from(start);
        ids.map(|(id, ())| (id, self.pending.get(id).expect("the group knows every pending message")))
    }

    /// Makes a message pending, or changes it or whose it is. O(log pending).
    pub fn set_pending(&mut self, id: StreamId, pending: Pending) {
        let before = self.pending.insert(id, pending);
        match before {
            Some(before) if before.consumer == pending.consumer => {}
            Some(before) => {
                self.edit_ids(before.consumer, |ids| {
                    ids.remove(id);
                });
                self.edit_ids(pending.consumer, |ids| {
                    ids.insert(id, ());
                });
            }
            None => self.edit_ids(pending.consumer, |ids| {
                ids.insert(id, ());
            }),
        }
    }

    /// Forgets a pending message. O(log pending).
    pub fn remove_pending(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        self.edit_ids(pending.consumer, |ids| {
            ids.remove(id);
        });
        Some(pending)
    }
}

/// The groups of a stream in the order of their names.
#[derive(Clone, Default)]
pub struct Groups {
    groups: Vec<Arc<Group>>,
    /// Heap bytes of all groups.
    group_bytes: usize,
}

impl Groups {
    /// Number of groups. O(1).
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none. O(1).
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// All groups in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter().map(|group| &**group)
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| (*group.name).cmp(name))
    }

    /// A group. O(log groups).
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.place(name).ok().map(|at| &*self.groups[at])
    }

    /// A group, for readers that hold it for longer. O(log groups).
    pub fn shared(&self, name: &[u8]) -> Option<&Arc<Group>> {
        self.place(name).ok().map(|at| &self.groups[at])
    }

    /// A group to change. O(log groups), after a clone O(its consumers).
    pub fn get_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let at = self.place(name).ok()?;
        let group = Arc::make_mut(&mut self.groups[at]);
        Some(GroupMut { before: group.memory_bytes(), group, total: &mut self.group_bytes })
    }

    /// Adds a group. `false` when there is one of this name. O(groups), with a small constant.
    pub fn insert(&mut self, group: Group) -> bool {
        let Err(at) = self.place(&group.name) else { return false };
        self.group_bytes += group.memory_bytes();
        self.groups.insert(at, Arc::new(group));
        true
    }

    /// Takes a group out. O(groups), with a small constant; freeing it is O(its pending messages).
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Group>> {
        let at = self.place(name).ok()?;
        let group = self.groups.remove(at);
        self.group_bytes -= group.memory_bytes();
        Some(group)
    }

    /// Whether both are the same groups, clones and their originals since neither was changed. O(groups).
    pub(super) fn is_same(&self, other: &Groups) -> bool {
        let (groups, others) = (&self.groups, &other.groups);
        groups.len() == others.len()
            && groups.iter().zip(others).all(|(group, other)| Arc::ptr_eq(group, other))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.group_bytes + self.groups.capacity() * size_of::<Arc<Group>>()
    }

    pub(super) fn free_effort(&self) -> usize {
        self.group_bytes / 2048 + self.groups.len()
    }
}

/// A group that is being changed; the bytes it takes are counted anew at the end.
pub struct GroupMut<'a> {
    group: &'a mut Group,
    before: usize,
    total: &'a mut usize,
}

impl Deref for GroupMut<'_> {
    type Target = Group;
    #[inline]
    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.total = *self.total + self.group.memory_bytes() - self.before;
    }
}
