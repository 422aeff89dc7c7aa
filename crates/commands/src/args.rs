//! A command's arguments: ranges of the buffer they arrived in, never copied.

use wire::resp::parse::Span;

/// The arguments of one command; index 0 is its name.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Arguments that `spans` mark in `buffer`.
    #[inline(always)]
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buffer, spans }
    }

    /// Number of arguments, the name included.
    #[inline(always)]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Argument `i`. Panics when there is none: arity was checked before.
    #[inline(always)]
    pub fn get(&self, i: usize) -> &'a [u8] {
        self.spans[i].of(self.buffer)
    }

    /// Argument `i`, if there is one.
    pub fn try_get(&self, i: usize) -> Option<&'a [u8]> {
        self.spans.get(i).map(|s| s.of(self.buffer))
    }

    /// Whether argument `i` is `word`, in any case. `false` when there is no argument `i`.
    pub fn is(&self, i: usize, word: &str) -> bool {
        self.try_get(i).is_some_and(|a| a.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The arguments from `i` on.
    pub fn from(
        &self,
        i: usize,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + Clone + use<'a> {
        let buffer = self.buffer;
        self.spans[i.min(self.spans.len())..].iter().map(move |s| s.of(buffer))
    }

    /// Bytes of all arguments together.
    pub fn bytes(&self) -> usize {
        self.spans.iter().map(|s| s.len as usize).sum()
    }

    /// Bytes of the request in RESP.
    pub fn protocol_bytes(&self) -> usize {
        let digits = |n: usize| n.max(1).ilog10() as usize + 1;
        self.spans.iter().map(|s| s.len as usize + digits(s.len as usize) + 5).sum::<usize>()
            + digits(self.len())
            + 3
    }

    /// All arguments as slices.
    pub fn to_vec(&self) -> smallvec::SmallVec<[&'a [u8]; 8]> {
        self.from(0).collect()
    }

    /// A copy that owns its bytes, to run later.
    pub fn to_owned(&self) -> OwnedArgs {
        let mut owned = OwnedArgs::with_capacity(self.len(), self.bytes());
        for arg in self.from(0) {
            owned.push(arg);
        }
        owned
    }
}

impl std::ops::Index<usize> for Args<'_> {
    type Output = [u8];
    #[inline(always)]
    fn index(&self, i: usize) -> &[u8] {
        self.spans[i].of(self.buffer)
    }
}

/// Arguments that own their bytes: queued by MULTI, kept by a command that goes on later.
#[derive(Clone, Default, Debug)]
pub struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// Room for `count` arguments of `bytes` bytes together.
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        OwnedArgs { buffer: Vec::with_capacity(bytes), spans: Vec::with_capacity(count) }
    }

    /// Adds an argument.
    pub fn push(&mut self, arg: &[u8]) {
        self.spans.push(Span { start: self.buffer.len() as u32, len: arg.len() as u32 });
        self.buffer.extend_from_slice(arg);
    }

    /// The arguments.
    pub fn as_args(&self) -> Args<'_> {
        Args { buffer: &self.buffer, spans: &self.spans }
    }

    /// Heap bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl<'a> FromIterator<&'a [u8]> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(args: I) -> Self {
        let mut owned = OwnedArgs::default();
        for arg in args {
            owned.push(arg);
        }
        owned
    }
}
