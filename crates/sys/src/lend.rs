//! A place where a caller leaves something borrowed while it runs code that cannot carry a lifetime: callbacks that a
//! script interpreter keeps for good reach the unit of work under way through it.
//!
//! **Invariant:** the pointer is set only while [`Lent::with`] has the exclusive borrow, and it is taken out for the
//! time of a call, so that nobody ever sees the lent thing twice.

use std::any::Any;
use std::cell::Cell;
use std::ptr::NonNull;

/// What can be lent.
pub trait Errand {
    /// Does what `request` asks, and leaves the answer in it.
    fn run(&mut self, request: &mut dyn Any);
}

/// The place. It belongs to one thread.
#[derive(Default)]
pub struct Lent(Cell<Option<NonNull<dyn Errand>>>);

struct Restore<'a>(&'a Lent, Option<NonNull<dyn Errand>>);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.0.0.set(self.1);
    }
}

impl Lent {
    /// Lends `errand` for the time of `body`.
    pub fn with<R>(&self, errand: &mut dyn Errand, body: impl FnOnce() -> R) -> R {
        let pointer: NonNull<dyn Errand + '_> = NonNull::from(errand);
        // SAFETY: only the lifetime changes. `errand` stays exclusively borrowed until this function returns, and the
        // pointer is gone from the cell by then, also when `body` panics.
        let pointer =
            unsafe { std::mem::transmute::<NonNull<dyn Errand + '_>, NonNull<dyn Errand>>(pointer) };
        let _restore = Restore(self, self.0.replace(Some(pointer)));
        body()
    }

    /// Has the lent thing do something. `false` when nothing is lent, or it is at work already.
    pub fn run(&self, request: &mut dyn Any) -> bool {
        let Some(mut pointer) = self.0.take() else { return false };
        let _restore = Restore(self, Some(pointer));
        // SAFETY: the pointer comes from `with`, which is still running, so the borrow behind it is alive; it is out
        // of the cell for the time of the call, so no second reference can be made of it.
        unsafe { pointer.as_mut() }.run(request);
        true
    }
}

/// A place for something of one type that holds no borrows.
pub struct LentOf<T: 'static>(Cell<Option<NonNull<T>>>);

impl<T: 'static> Default for LentOf<T> {
    fn default() -> Self {
        LentOf(Cell::new(None))
    }
}

struct RestoreOf<'a, T: 'static>(&'a LentOf<T>, Option<NonNull<T>>);

impl<T: 'static> Drop for RestoreOf<'_, T> {
    fn drop(&mut self) {
        self.0.0.set(self.1);
    }
}

impl<T: 'static> LentOf<T> {
    /// Lends `value` for the time of `body`.
    pub fn with<R>(&self, value: &mut T, body: impl FnOnce() -> R) -> R {
        let _restore = RestoreOf(self, self.0.replace(Some(NonNull::from(value))));
        body()
    }

    /// Uses the lent thing. `None` when nothing is lent, or it is in use already.
    pub fn run<R>(&self, body: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut pointer = self.0.take()?;
        let _restore = RestoreOf(self, Some(pointer));
        // SAFETY: the pointer comes from `with`, which is still running and has the exclusive borrow; it is out of the
        // cell for the time of the call, so no second reference can be made of it.
        Some(body(unsafe { pointer.as_mut() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Adder<'a>(&'a mut i32, &'a Lent);

    impl Errand for Adder<'_> {
        fn run(&mut self, request: &mut dyn Any) {
            *self.0 += 1;
            assert!(!self.1.run(&mut ()), "it is at work");
            *request.downcast_mut::<i32>().expect("a number") = *self.0;
        }
    }

    #[test]
    fn what_is_lent_is_reached_only_meanwhile() {
        let (lent, mut count, mut seen) = (Lent::default(), 4, 0);
        assert!(!lent.run(&mut seen));
        let mut adder = Adder(&mut count, &lent);
        lent.with(&mut adder, || {
            assert!(lent.run(&mut seen) && lent.run(&mut seen));
        });
        assert_eq!((seen, count), (6, 6));
        assert!(!lent.run(&mut seen));
    }
}
