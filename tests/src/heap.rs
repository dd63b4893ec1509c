//! The component with a smaller heap: shows how much memory a call needs, and that no page of it is too much.

use anyhow::{Context as _, ensure};

/// The pages of 64 KiB that the component has, at the start and for ever.
pub const PAGES: usize = 4;
const PAGE: usize = 65_536;

/// The component with a heap that ends at this address: the linker's `__heap_end`, at most the end of its memory. What needs more
/// traps.
///
/// # Errors
/// If the heap's span is not found in the component.
pub fn with_heap_end(component: &[u8], end: usize) -> anyhow::Result<Vec<u8>> {
    let is = u32::try_from(PAGES * PAGE)?.to_le_bytes();
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
    let mut smaller = component.to_vec();
    smaller
        .get_mut(at + 4..at + 8)
        .context("no span")?
        .copy_from_slice(&u32::try_from(end)?.to_le_bytes());
    Ok(smaller)
}

/// The component with so many pages of memory, and the heap ending with them.
///
/// # Errors
/// If the memory, or the heap's span, is not found in the component.
pub fn with_pages(component: &[u8], pages: usize) -> anyhow::Result<Vec<u8>> {
    // A memory section: one memory, with a minimum and a maximum.
    let memory = |pages: usize| -> anyhow::Result<[u8; 6]> {
        let pages = u8::try_from(pages)?;
        Ok([5, 4, 1, 1, pages, pages])
    };
    let is = memory(PAGES)?;
    let at = component
        .windows(is.len())
        .position(|octets| octets == is)
        .context("the memory was not found")?;
    let mut smaller = with_heap_end(component, pages * PAGE)?;
    smaller
        .get_mut(at..at + is.len())
        .context("no memory")?
        .copy_from_slice(&memory(pages)?);
    Ok(smaller)
}
