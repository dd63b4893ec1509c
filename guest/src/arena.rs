//! The component's heap: whatever the linker left free of the memory that the instance was born with.
//!
//! Rust's own allocator for this target takes fresh memory with `memory.grow`. In a pool of instances each growth is a
//! system call that locks the whole address space, and another when the slot is used again; and a growth may fail on
//! one machine and succeed on another. The component therefore never grows: its memory is as large at the start as it
//! may ever be, `__heap_base` to `__heap_end` is the arena, and a step that needs more traps, which denies.

use talc::locking::AssumeUnlockable;
use talc::{ClaimOnOom, Span, Talc, Talck};

unsafe extern "C" {
    /// First free octet after stack and data, defined by the linker.
    static mut __heap_base: u8;
    /// End of the initial memory, defined by the linker.
    static mut __heap_end: u8;
}

/// Serves every allocation.
///
/// Safety: the component has one thread, so the lock that does not lock is never contended; nothing but this allocator
/// touches the span, since the linker places stack and data below it.
#[global_allocator]
static ARENA: Talck<AssumeUnlockable, ClaimOnOom> =
    Talc::new(unsafe { ClaimOnOom::new(Span::new(&raw mut __heap_base, &raw mut __heap_end)) })
        .lock();
