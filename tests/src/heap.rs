//! The component with a smaller heap: shows how much memory a call needs, and that no page of it is too much.

use anyhow::{Context as _, ensure};

/// The pages of 64 KiB that an instance is born with.
pub const BORN_WITH: usize = 2;
/// The pages that it may ever have.
pub const PAGES: usize = 4;
const PAGE: usize = 65_536;

/// The component with a heap that ends at this address, at most the end of what it may have. What needs more traps.
///
/// # Errors
/// If the heap's span is not found in the component.
pub fn with_heap_end(component: &[u8], end: usize) -> anyhow::Result<Vec<u8>> {
    let is = u32::try_from(BORN_WITH * PAGE)?.to_le_bytes();
    // The allocator's span, as the linker left it: where the heap begins, behind stack and data, and where it ends.
    let mut spans = component.windows(8).enumerate().filter(|(_, octets)| {
        let Some((Ok(base), last)) = octets
            .split_first_chunk()
            .map(|(base, last)| (usize::try_from(u32::from_le_bytes(*base)), last))
        else {
            return false;
        };
        // No multiple of a page: those are bounds in the code.
        *last == is
            && (PAGE / 2..PAGES * PAGE).contains(&base)
            && base % 16 == 0
            && base % PAGE != 0
    });
    let (at, _) = spans.next().context("the heap's span was not found")?;
    ensure!(
        spans.next().is_none(),
        "the heap's span was found more than once"
    );
    // All of it is there at first, so that none can be taken beside.
    let mut smaller = with_memory(component, (PAGES, PAGES))?;
    smaller
        .get_mut(at + 4..at + 8)
        .context("no span")?
        .copy_from_slice(&u32::try_from(end)?.to_le_bytes());
    Ok(smaller)
}

/// The component with so many pages of memory at most, of which as many as ever are there at first.
///
/// # Errors
/// If the memory is not found in the component, or there would be less than it is born with.
pub fn with_pages(component: &[u8], pages: usize) -> anyhow::Result<Vec<u8>> {
    ensure!(pages >= BORN_WITH, "the heap begins with more");
    with_memory(component, (BORN_WITH, pages))
}

fn with_memory(component: &[u8], pages: (usize, usize)) -> anyhow::Result<Vec<u8>> {
    // A memory section: one memory, with a minimum and a maximum.
    let memory = |(least, most): (usize, usize)| -> anyhow::Result<[u8; 6]> {
        Ok([5, 4, 1, 1, u8::try_from(least)?, u8::try_from(most)?])
    };
    let is = memory((BORN_WITH, PAGES))?;
    let at = component
        .windows(is.len())
        .position(|octets| octets == is)
        .context("the memory was not found")?;
    let mut other = component.to_vec();
    other
        .get_mut(at..at + is.len())
        .context("no memory")?
        .copy_from_slice(&memory(pages)?);
    Ok(other)
}
