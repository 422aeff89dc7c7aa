//! Client-side caching: the same commands on valkey-server and on Brasa with one, two and four threads. After each step
//! every client must have received the same from both, in the same order.
//!
//! A step ends with a PING of every client: what it is told because of the step stands before the answer.

mod coherence;
mod large;
mod limits;
mod random;
mod scripts;
mod stage;
