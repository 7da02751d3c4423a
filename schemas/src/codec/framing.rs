//! The two framings, told apart by the first byte: 0 is Confluent's wire format (magic byte, schema
//! id as big-endian `u32`), C3 01 is Avro's single-object encoding (fingerprint as little-endian `u64`).

/// Which schema wrote a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriterId {
    /// Id in a schema registry: Confluent's wire format.
    Registry(u32),
    /// CRC-64-AVRO fingerprint (Rabin) of the canonical schema: single-object encoding.
    Fingerprint(u64),
}

/// A value taken apart, its payload not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which schema wrote the payload.
    pub writer: WriterId,
    /// Avro datum.
    pub payload: &'a [u8],
}

/// Why bytes are in neither framing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too short to have a header.
    #[error("the value has {0} bytes, too few for an Avro header")]
    TooShort(usize),
    /// Another first byte.
    #[error(
        "the value starts with the byte {0:#04x}: neither Confluent's wire format (0x00) nor Avro single-object encoding (0xc3 0x01)"
    )]
    UnknownMagic(u8),
}

impl<'a> Frame<'a> {
    /// Reads the header of a record's value.
    ///
    /// # Errors
    /// When the bytes are in neither framing.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        match bytes {
            [0, a, b, c, d, payload @ ..] => Ok(Self {
                writer: WriterId::Registry(u32::from_be_bytes([*a, *b, *c, *d])),
                payload,
            }),
            [0xc3, 1, a, b, c, d, e, f, g, h, payload @ ..] => Ok(Self {
                writer: WriterId::Fingerprint(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
                payload,
            }),
            [] | [0, ..] | [0xc3] | [0xc3, 1, ..] => Err(FrameError::TooShort(bytes.len())),
            [first, ..] => Err(FrameError::UnknownMagic(*first)),
        }
    }
}

/// Header bytes for a writer.
pub(super) fn header(writer: WriterId) -> Vec<u8> {
    match writer {
        WriterId::Registry(id) => {
            let mut bytes = vec![0];
            bytes.extend(id.to_be_bytes());
            bytes
        }
        WriterId::Fingerprint(fingerprint) => {
            let mut bytes = vec![0xc3, 1];
            bytes.extend(fingerprint.to_le_bytes());
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for writer in [WriterId::Registry(70_000), WriterId::Fingerprint(0x0102_0304_0506_0708)] {
            let mut bytes = header(writer);
            bytes.extend([9, 9]);
            assert_eq!(Frame::parse(&bytes), Ok(Frame { writer, payload: &[9, 9] }));
        }
    }

    #[test]
    fn foreign_bytes_are_errors() {
        assert_eq!(Frame::parse(&[]), Err(FrameError::TooShort(0)));
        assert_eq!(Frame::parse(&[0, 1, 2]), Err(FrameError::TooShort(3)));
        assert_eq!(Frame::parse(&[0xc3, 1, 2]), Err(FrameError::TooShort(3)));
        assert_eq!(Frame::parse(b"{}"), Err(FrameError::UnknownMagic(b'{')));
    }
}
