//! The component's heap: what the linker left free of the memory that the instance is born with, and the pages that it may take
//! beside.
//!
//! A host that keeps a pool of instances wipes the whole memory after each call, so that what an ordinary account needs is all
//! that is there at first. Rust's own allocator for this target would take fresh pages for everything, a system call each; this
//! one takes them for the largest accounts and policies alone, up to the maximum that the linker wrote down. A call that needs
//! more traps, which denies.

use core::alloc::Layout;

use talc::locking::AssumeUnlockable;
use talc::{OomHandler, Span, Talc, Talck};

unsafe extern "C" {
    /// First free octet after stack and data, defined by the linker.
    static mut __heap_base: u8;
    /// End of the memory at the start, defined by the linker.
    static mut __heap_end: u8;
}

/// Serves every allocation.
///
/// Safety: the component has one thread, so the lock that does not lock is never contended.
#[global_allocator]
static ARENA: Talck<AssumeUnlockable, Heap> = Talc::new(Heap {
    free: Span::new(&raw mut __heap_base, &raw mut __heap_end),
    claimed: Span::empty(),
})
.lock();

/// Where the heap is.
struct Heap {
    /// What no allocation was served from yet.
    free: Span,
    /// What allocations are served from.
    claimed: Span,
}

/// Safety: the component has one thread.
unsafe impl Send for Heap {}

const PAGE: usize = 65_536;

impl OomHandler for Heap {
    fn handle_oom(talc: &mut Talc<Self>, _: Layout) -> Result<(), ()> {
        let heap = &mut talc.oom_handler;
        if !heap.free.is_empty() {
            let free = core::mem::replace(&mut heap.free, Span::empty());
            // Safety: nothing but this allocator touches the span, since the linker places stack and data below it.
            talc.oom_handler.claimed = unsafe { talc.claim(free)? };
            return Ok(());
        }
        // A page at a time: the allocator asks again until it is enough, and never for more than is needed.
        let before = core::arch::wasm32::memory_grow::<0>(1);
        if before == usize::MAX {
            return Err(());
        }
        let (claimed, end) = (heap.claimed, (before + 1) * PAGE);
        let (base, _) = claimed.get_base_acme().ok_or(())?;
        // Safety: memory is in one piece, and what was grown by belongs to nobody else.
        talc.oom_handler.claimed = unsafe { talc.extend(claimed, Span::new(base, end as *mut u8)) };
        Ok(())
    }
}
