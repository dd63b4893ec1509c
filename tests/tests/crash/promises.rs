//! The tests of `cofactor_tests::promises` on both stores that there are.

use std::cell::RefCell;

use cofactor::store::embedded::{EmbeddedStore, Options};
use cofactor_runtime::store::memory::MemoryStore;
use cofactor_tests::{promises, scenario::START};
use tempfile::TempDir;

#[test]
fn the_store_in_memory_keeps_its_promises() {
    promises::are_kept(MemoryStore::new);
}

#[test]
fn the_embedded_store_keeps_its_promises() {
    let folders = RefCell::new(Vec::new());
    promises::are_kept(|| {
        let folder = TempDir::new().unwrap();
        let options = Options::new(folder.path().join("db"), folder.path().join("anchor"));
        folders.borrow_mut().push(folder);
        EmbeddedStore::open(&options, START).unwrap()
    });
}
