//! The notebook's variables between cells: one store, which lives in this library, for all cells.
//!
//! Not for notebook code: the code around a cell takes the variables out before it runs and puts back what it leaves.
//! What is generic here does as little as it can, because every cell compiles it anew for its variables' types.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use crate::cell;

/// The type `!`, which code cannot write, in the type of a variable such as the handle of a thread that never ends.
pub type Never = <fn() -> ! as Returns>::Value;

/// A function's way to its result.
pub trait Returns {
    /// The result.
    type Value;
}

impl<T> Returns for fn() -> T {
    type Value = T;
}

/// The values by their names.
#[derive(Default)]
pub struct VariableStore {
    values: HashMap<String, Box<dyn Any>>,
}

/// A new store, for the first cell that has variables. It is never freed: its values belong to libraries that stay
/// loaded.
pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::default())
}

impl VariableStore {
    /// Keeps a value.
    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }

    /// Whether the variable is of this type, or there is none of this name. If not, the cell is told why it cannot run.
    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        self.check(name, TypeId::of::<T>())
    }

    /// Takes a value out.
    ///
    /// # Panics
    /// When there is no variable of this name and type.
    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        match self.take(name).downcast() {
            Ok(value) => *value,
            Err(_) => lost(name),
        }
    }

    /// A value that all cells share, made by the first that asks.
    ///
    /// # Panics
    /// When another type is kept under this name.
    pub fn lazy_arc<T: 'static, F: FnOnce() -> T>(&mut self, name: &str, create: F) -> Arc<T> {
        if !self.values.contains_key(name) {
            self.put(name, Box::new(Arc::new(create())));
        }
        match self.values.get(name).and_then(|value| value.downcast_ref()) {
            Some(shared) => Arc::clone(shared),
            None => lost(name),
        }
    }

    #[inline(never)]
    fn put(&mut self, name: &str, value: Box<dyn Any>) {
        self.values.insert(name.to_owned(), value);
    }

    #[inline(never)]
    fn check(&self, name: &str, wanted: TypeId) -> bool {
        let fits = self.values.get(name).is_none_or(|value| (**value).type_id() == wanted);
        if !fits {
            cell::type_changed(name);
        }
        fits
    }

    #[inline(never)]
    fn take(&mut self, name: &str) -> Box<dyn Any> {
        self.values.remove(name).unwrap_or_else(|| lost(name))
    }
}

#[inline(never)]
fn lost(name: &str) -> ! {
    panic!("the variable `{name}` is not there with the type it had")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_in_and_out() {
        let mut store = VariableStore::default();
        store.put_variable("a", vec![1, 2]);
        assert!(store.check_variable::<Vec<i32>>("a"));
        assert!(store.check_variable::<u8>("never kept"));
        assert!(!store.check_variable::<u8>("a"));
        assert_eq!(store.take_variable::<Vec<i32>>("a"), [1, 2]);
        let taken_twice = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.take_variable::<Vec<i32>>("a");
        }));
        assert!(taken_twice.is_err());
    }

    #[test]
    fn a_shared_value_is_made_once() {
        let mut store = VariableStore::default();
        let first = store.lazy_arc("runtime", || 1);
        let second = store.lazy_arc("runtime", || 2);
        assert!(Arc::ptr_eq(&first, &second));
    }
}
