//! Lists that one call leaves for the next, so that calls make none.
//!
//! Whoever needs lists while it works has a [`Shelf`] of them: it takes a set, fills it, empties it and gives
//! it back. There are as many sets as there were calls, or parts of calls on several threads, at once; a set
//! beyond [`SETS_MAX`] is dropped, and a list that grew beyond the bound its owner names is made smaller. So
//! what a call allocates, once one like it has been, is what it hands to its caller.

use std::sync::{Mutex, PoisonError};

/// The most sets on a shelf: more than one a thread is not taken at once.
const SETS_MAX: usize = 64;

/// Lists that can be used again.
pub trait Reuse: Default {
    /// Forgets what is in them, and what they have room for beyond a bound.
    fn empty(&mut self);
}

/// Sets of lists that nobody uses now.
#[derive(Debug)]
pub struct Shelf<T>(Mutex<Vec<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Reuse> Shelf<T> {
    /// A set of empty lists, used before if there is one.
    pub fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
    /// Gives a set back.
    pub fn give(&self, mut set: T) {
        set.empty();
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() < SETS_MAX {
            sets.push(set);
        }
    }
}

/// Empties a list, which keeps room for at most `most`.
pub fn empty<T>(list: &mut Vec<T>, most: usize) {
    list.clear();
    if list.capacity() > most {
        list.shrink_to(most);
    }
}

/// An empty list in the memory of another, whose elements have the same layout: of references that live as
/// long as this call, in the place of those that lived as long as the last.
pub fn recycled<A, B>(mut list: Vec<A>) -> Vec<B> {
    const { assert!(size_of::<A>() == size_of::<B>() && align_of::<A>() == align_of::<B>()) }
    list.clear();
    // The standard library collects in place where layouts allow; the tests see to it that it still does.
    list.into_iter().map(|_| -> B { unreachable!("the list is empty") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Reuse for Vec<u8> {
        fn empty(&mut self) {
            empty(self, 100);
        }
    }

    #[test]
    fn memory_is_used_again_up_to_a_bound() {
        let shelf = Shelf::<Vec<u8>>::default();
        let mut first = shelf.take();
        first.extend([7; 90]);
        let place = first.as_ptr();
        shelf.give(first);
        let again = shelf.take();
        assert_eq!((again.len(), again.as_ptr()), (0, place));
        let mut large = shelf.take();
        large.resize(5_000, 7);
        shelf.give(large);
        assert!(shelf.take().capacity() < 200);
        (0..2 * SETS_MAX).for_each(|_| shelf.give(Vec::new()));
        assert_eq!(shelf.0.lock().unwrap().len(), SETS_MAX);
    }

    #[test]
    fn references_of_another_life_stand_in_the_same_memory() {
        let lasting: Vec<&'static str> = Vec::with_capacity(9);
        let place = lasting.as_ptr().addr();
        let text = String::from("short");
        let mut list: Vec<&str> = recycled(lasting);
        list.push(&text);
        assert_eq!(list.as_ptr().addr(), place);
        let lasting: Vec<&'static str> = recycled(list);
        assert_eq!((lasting.as_ptr().addr(), lasting.capacity()), (place, 9));
    }
}
