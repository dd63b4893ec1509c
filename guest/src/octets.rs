//! Little-endian numbers and short texts, written and read one after the other.

use crate::account::RecordError;

/// Puts values behind one another.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// With room for so many octets: what is known to be enough is allocated once.
    #[inline]
    pub(crate) fn new(room: usize) -> Self {
        Self(Vec::with_capacity(room))
    }

    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    #[inline]
    pub(crate) fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn i16(&mut self, value: i16) {
        self.raw(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// A length of one octet, then so many octets. What the record holds is never longer.
    #[inline]
    pub(crate) fn short(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..usize::from(u8::MAX)).unwrap_or(bytes);
        self.u8(bytes.len() as u8);
        self.raw(bytes);
    }

    /// A length of two octets, then so many octets. What the record holds is never longer.
    #[inline]
    pub(crate) fn long(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
        self.u16(bytes.len() as u16);
        self.raw(bytes);
    }

    /// A count of one octet, then so many. Lists are bounded far below.
    pub(crate) fn list<T>(&mut self, list: &[T], mut item: impl FnMut(&T, &mut Self)) {
        self.u8(list.len() as u8);
        list.iter().for_each(|it| item(it, self));
    }

    /// Whether it is there, then what it is.
    pub(crate) fn optional<T>(&mut self, value: Option<&T>, write: impl FnOnce(&T, &mut Self)) {
        self.u8(value.is_some().into());
        if let Some(value) = value {
            write(value, self);
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Takes values from the front.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (first, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(RecordError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, RecordError> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, RecordError> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16, RecordError> {
        self.array().map(i16::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool, RecordError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordError::OutOfRange(field)),
        }
    }

    /// What [`Writer::short`] wrote, of `least` to `most` octets.
    #[inline]
    pub(crate) fn short(
        &mut self,
        least: usize,
        most: usize,
        field: &'static str,
    ) -> Result<&'a [u8], RecordError> {
        let length = usize::from(self.u8()?);
        if !(least..=most).contains(&length) {
            return Err(RecordError::OutOfRange(field));
        }
        self.take(length)
    }

    #[inline]
    pub(crate) fn text(
        &mut self,
        least: usize,
        most: usize,
        field: &'static str,
    ) -> Result<&'a str, RecordError> {
        core::str::from_utf8(self.short(least, most, field)?)
            .map_err(|_| RecordError::OutOfRange(field))
    }

    /// What [`Writer::long`] wrote, of at most `most` octets.
    #[inline]
    pub(crate) fn long(
        &mut self,
        most: usize,
        field: &'static str,
    ) -> Result<&'a [u8], RecordError> {
        let length = usize::from(self.u16()?);
        if length > most {
            return Err(RecordError::OutOfRange(field));
        }
        self.take(length)
    }

    #[inline]
    pub(crate) fn long_text(
        &mut self,
        most: usize,
        field: &'static str,
    ) -> Result<String, RecordError> {
        core::str::from_utf8(self.long(most, field)?)
            .map(str::to_owned)
            .map_err(|_| RecordError::OutOfRange(field))
    }

    /// What [`Writer::optional`] wrote.
    pub(crate) fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.bool(field)? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A list of at most `most`.
    pub(crate) fn list<T>(
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

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (first, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(RecordError::Truncated)?;
        self.0 = rest;
        Ok(first)
    }

    #[inline]
    pub(crate) fn end(&self) -> Result<(), RecordError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(RecordError::Overlong)
        }
    }
}
