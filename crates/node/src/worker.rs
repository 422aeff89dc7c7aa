//! Worker threads: long computations and the freeing of large detached values, off the I/O threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use effect_log::Effects;
use keyspace::space::Local;

/// Work for a worker; it may make and free entries through the worker's heap.
pub type Work = Box<dyn FnOnce(&mut Local) + Send>;

/// The workers.
pub struct Workers {
    queue: Mutex<Sender<Work>>,
    /// Keys handed over and not yet freed (`lazyfree_pending_objects`).
    pub pending_objects: std::sync::Arc<AtomicU64>,
    /// Keys freed so far (`lazyfreed_objects`).
    pub freed_objects: std::sync::Arc<AtomicU64>,
}

impl Workers {
    /// Starts one worker: its work is rare, and two would only share one memory bus.
    pub fn start() -> std::io::Result<Self> {
        let (queue, work) = channel::<Work>();
        std::thread::Builder::new().name("brasa-worker".into()).spawn(move || {
            // It may share a processor with an I/O thread.
            sys::thread::compute_in_background();
            let mut local = Local::new(Effects::new(false));
            for job in work {
                job(&mut local);
                while local.heap.drain_pending() {}
            }
        })?;
        Ok(Workers {
            queue: Mutex::new(queue),
            pending_objects: Default::default(),
            freed_objects: Default::default(),
        })
    }

    /// Hands work over.
    pub fn run(&self, work: Work) {
        let queue = self.queue.lock().unwrap_or_else(|e| e.into_inner());
        // The worker ends only with the process.
        let _ = queue.send(work);
    }

    /// Frees the keys of whole databases in the background.
    pub fn free(&self, keys: keyspace::space::Detached) {
        self.free_with(keys.keys, |local| keys.free(&mut local.heap));
    }

    /// Frees large values in the background.
    pub fn free_values(&self, values: keyspace::space::HeavyGarbage) {
        self.free_with(values.values() as u64, |local| values.free(&mut local.heap));
    }

    fn free_with(&self, count: u64, free: impl FnOnce(&mut Local) + Send + 'static) {
        self.pending_objects.fetch_add(count, Ordering::Relaxed);
        let (pending, freed) = (self.pending_objects.clone(), self.freed_objects.clone());
        self.run(Box::new(move |local| {
            free(local);
            pending.fetch_sub(count, Ordering::Relaxed);
            freed.fetch_add(count, Ordering::Relaxed);
        }));
    }
}
