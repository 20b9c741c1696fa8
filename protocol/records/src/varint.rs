//! Zig-zag variable-length integers as records use them (at most 5 bytes for 32 bits, 10 for 64).

/// Appends `value` as a zig-zag varint.
pub(crate) fn put_i32(out: &mut Vec<u8>, value: i32) {
    put_i64(out, i64::from(value));
}

/// Appends `value` as a zig-zag varlong.
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    while bits >= 0x80 {
        out.push((bits as u8) | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

/// How many bytes `value` takes as a zig-zag varlong.
pub(crate) fn len_i64(value: i64) -> usize {
    let bits = ((value << 1) ^ (value >> 63)) as u64;
    (64 - (bits | 1).leading_zeros() as usize).div_ceil(7)
}

/// Where the bytes of a record come from: a slice, or a decompressor that never holds the whole payload.
pub(crate) trait Source {
    fn byte(&mut self) -> Result<u8, Bad>;
    fn skip(&mut self, bytes: usize) -> Result<(), Bad>;
    /// Bytes taken so far.
    fn taken(&self) -> usize;

    fn i32(&mut self) -> Result<i32, Bad> {
        let mut bits = 0u32;
        for shift in (0..5).map(|i| i * 7) {
            let byte = self.byte()?;
            bits |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(((bits >> 1) as i32) ^ -((bits & 1) as i32));
            }
        }
        Err(Bad::Shape("a varint is longer than 5 bytes"))
    }

    fn i64(&mut self) -> Result<i64, Bad> {
        let mut bits = 0u64;
        for shift in (0..10).map(|i| i * 7) {
            let byte = self.byte()?;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(((bits >> 1) as i64) ^ -((bits & 1) as i64));
            }
        }
        Err(Bad::Shape("a varlong is longer than 10 bytes"))
    }
}

/// Why a source could not give what was asked.
#[derive(Debug)]
pub(crate) enum Bad {
    Shape(&'static str),
    Codec(std::io::Error),
    TooLarge,
}

/// A source over bytes in memory; remembers where it is so that fields can be borrowed.
pub(crate) struct SliceSource<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> SliceSource<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `length` bytes, borrowed.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let rest = &self.bytes[self.at..];
        let slice = rest.get(..length).ok_or(Bad::Shape("a field is longer than the bytes that are left"))?;
        self.at += length;
        Ok(slice)
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }
}

impl Source for SliceSource<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Bad> {
        let byte = *self.bytes.get(self.at).ok_or(Bad::Shape("the bytes end inside a record"))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn skip(&mut self, bytes: usize) -> Result<(), Bad> {
        self.take(bytes).map(|_| ())
    }

    #[inline]
    fn taken(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_lengths() {
        for value in
            [0, 1, -1, 63, 64, -64, -65, 300, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN]
        {
            let mut out = Vec::new();
            put_i64(&mut out, value);
            assert_eq!(out.len(), len_i64(value), "length of {value}");
            assert_eq!(SliceSource::new(&out).i64().unwrap(), value);
        }
    }

    #[test]
    fn overlong_varints_are_refused() {
        assert!(SliceSource::new(&[0xff; 5]).i32().is_err());
        assert!(SliceSource::new(&[0xff; 10]).i64().is_err());
        assert!(SliceSource::new(&[0x80]).i32().is_err());
    }
}
