//! The component's heap: whatever the linker left free of the memory that the instance was born with.
//!
//! Rust's own allocator for this target takes fresh memory with `memory.grow`. In a pool of instances each growth is a
//! system call that locks the whole address space, and another when the slot is used again; and a growth may fail on
//! one machine and succeed on another. The component therefore never grows: its memory is as large at the start as it
//! may ever be, and a step that needs more traps, which denies.
//!
//! An instance lives for one call, and most calls allocate less than [`LENGTH`] octets in all. For those, keeping account of
//! what is free costs a tenth of the step and buys nothing. So the heap has two parts: the front is handed out octet after
//! octet and taken back only from its end; what does not fit there comes from `__heap_base` to `__heap_end`, where freed
//! memory is used again. A host that keeps an instance for many calls has the second part alone after a few.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr;

use talc::locking::AssumeUnlockable;
use talc::{ClaimOnOom, Span, Talc, Talck};

unsafe extern "C" {
    /// First free octet after stack and data, defined by the linker.
    static mut __heap_base: u8;
    /// End of the initial memory, defined by the linker.
    static mut __heap_end: u8;
}

/// How long the front is, in octets: a sign-in with a code, under a policy of 64 applications, takes less.
const LENGTH: usize = 8 * 1024;
/// What the front's start is aligned to. Nothing here asks for more; if it did, the back would serve it.
const ALIGN: usize = 16;

/// Serves every allocation.
#[global_allocator]
static ARENA: Arena = Arena;

struct Arena;

#[repr(C, align(16))]
struct Front {
    octets: UnsafeCell<[MaybeUninit<u8>; LENGTH]>,
    /// How many of them are handed out.
    used: Cell<usize>,
}

static FRONT: Front = Front {
    octets: UnsafeCell::new([MaybeUninit::uninit(); LENGTH]),
    used: Cell::new(0),
};

/// Safety: nothing but this allocator touches the span, since the linker places stack and data below it; and the component has
/// one thread, so the lock that does not lock is never contended.
static BACK: Talck<AssumeUnlockable, ClaimOnOom> =
    Talc::new(unsafe { ClaimOnOom::new(Span::new(&raw mut __heap_base, &raw mut __heap_end)) })
        .lock();

/// Safety: the component has one thread.
unsafe impl Sync for Front {}

impl Front {
    fn base(&self) -> *mut u8 {
        self.octets.get().cast()
    }

    /// Where in the front this is, if it is there.
    fn offset(&self, at: *mut u8) -> Option<usize> {
        let offset = at.addr().wrapping_sub(self.base().addr());
        (offset < LENGTH).then_some(offset)
    }

    /// Hands out what comes next, if there is room.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if layout.align() > ALIGN {
            return None;
        }
        let start = self.used.get().next_multiple_of(layout.align());
        let end = start.checked_add(layout.size())?;
        if end > LENGTH {
            return None;
        }
        self.used.set(end);
        Some(self.base().wrapping_add(start))
    }

    /// Makes what was handed out last longer or shorter. Not where it was not the last, or there is no room.
    fn resize(&self, offset: usize, from: usize, to: usize) -> bool {
        let is_last = offset + from == self.used.get();
        if is_last && to <= LENGTH - offset {
            self.used.set(offset + to);
            return true;
        }
        false
    }
}

/// Safety: what [`Front::take`] hands out lies in the front, is as long and as aligned as was asked for, and is not handed out
/// again before it was given back; everything else is the library's.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match FRONT.take(layout) {
            Some(at) => at,
            None => unsafe { BACK.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        match FRONT.offset(at) {
            Some(offset) => {
                FRONT.resize(offset, layout.size(), 0);
            }
            None => unsafe { BACK.dealloc(at, layout) },
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = FRONT.offset(at) else {
            return unsafe { BACK.realloc(at, layout, size) };
        };
        if FRONT.resize(offset, layout.size(), size) {
            return at;
        }
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(at, new, layout.size().min(size));
            }
            new
        }
    }
}
