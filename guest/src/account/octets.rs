//! Little-endian numbers and short texts, written and read one after the other.

use super::RecordError;

/// Puts values behind one another.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        // Enough for an account with two credentials: one allocation in the common case.
        Self(Vec::with_capacity(1024))
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// A length of one octet, then so many octets. What the record holds is never longer.
    pub(super) fn short(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..usize::from(u8::MAX)).unwrap_or(bytes);
        self.u8(bytes.len() as u8);
        self.raw(bytes);
    }

    /// A count of one octet. Lists are bounded far below.
    pub(super) fn count(&mut self, count: usize) {
        self.u8(count as u8);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Takes values from the front.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (first, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(RecordError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn u8(&mut self) -> Result<u8, RecordError> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, RecordError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        self.array().map(i16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<bool, RecordError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordError::OutOfRange(field)),
        }
    }

    /// What [`Writer::short`] wrote, of `least` to `most` octets.
    pub(super) fn short(
        &mut self,
        least: usize,
        most: usize,
        field: &'static str,
    ) -> Result<&'a [u8], RecordError> {
        let length = usize::from(self.u8()?);
        if !(least..=most).contains(&length) {
            return Err(RecordError::OutOfRange(field));
        }
        let (first, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(RecordError::Truncated)?;
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn text(
        &mut self,
        least: usize,
        most: usize,
        field: &'static str,
    ) -> Result<&'a str, RecordError> {
        core::str::from_utf8(self.short(least, most, field)?)
            .map_err(|_| RecordError::OutOfRange(field))
    }

    /// A list of at most `most`.
    pub(super) fn list<T>(
        &mut self,
        most: usize,
        field: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = usize::from(self.u8()?);
        if count > most {
            return Err(RecordError::OutOfRange(field));
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(item(self)?);
        }
        Ok(list)
    }

    pub(super) fn end(&self) -> Result<(), RecordError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(RecordError::Overlong)
        }
    }
}
