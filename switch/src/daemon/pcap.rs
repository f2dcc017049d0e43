//! Files of captured frames: pcap with nanoseconds, little endian, as Wireshark, tcpdump and Scapy read it.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// Nanoseconds, little endian.
const MAGIC: u32 = 0xa1b2_3c4d;
/// The same format with microseconds.
const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
/// The link type of Ethernet.
const ETHERNET: u32 = 1;
/// Bytes of a frame that a file may hold.
const FRAME_BYTES_MAX: usize = 256 << 10;

/// A frame of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When it passed, since 1970.
    pub time: Duration,
    /// The frame, or its first bytes.
    pub frame: Vec<u8>,
    /// Bytes that it had on the link.
    pub bytes: u32,
}

/// Writes the beginning of a file.
pub(crate) fn write_header(into: &mut impl Write) -> io::Result<()> {
    into.write_all(&MAGIC.to_le_bytes())?;
    into.write_all(&[2, 0, 4, 0])?;
    let longest = u32::try_from(FRAME_BYTES_MAX).unwrap_or(u32::MAX);
    [0, 0, longest, ETHERNET].iter().try_for_each(|field: &u32| into.write_all(&field.to_le_bytes()))
}

/// Writes a frame; returns the bytes written.
pub(crate) fn write_frame(into: &mut impl Write, time: Duration, frame: &[u8]) -> io::Result<u64> {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let all = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    let kept = frame.get(..FRAME_BYTES_MAX).unwrap_or(frame);
    let length = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    for field in [seconds, time.subsec_nanos(), length, all] {
        into.write_all(&field.to_le_bytes())?;
    }
    into.write_all(kept)?;
    Ok(16 + u64::from(length))
}

/// Reads a file of captured frames: pcap of either byte order, with microseconds or nanoseconds, of Ethernet.
#[derive(Debug)]
pub struct PcapReader<R> {
    from: R,
    is_big_endian: bool,
    nanos_each: u32,
}

impl<R: Read> PcapReader<R> {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no pcap file (pcapng is another format), or not one of Ethernet frames.
    pub fn new(mut from: R) -> io::Result<Self> {
        let mut header = [0; 24];
        from.read_exact(&mut header).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => wrong("no pcap file: it ends within its header"),
            _ => error,
        })?;
        let [a, b, c, d, ..] = header;
        let (is_big_endian, magic) = match u32::from_le_bytes([a, b, c, d]) {
            magic @ (MAGIC | MAGIC_MICROS) => (false, magic),
            other => (true, other.swap_bytes()),
        };
        let nanos_each = match magic {
            MAGIC => 1,
            MAGIC_MICROS => 1_000,
            _ => return Err(wrong("no pcap file: it does not begin as one")),
        };
        let reader = Self { from, is_big_endian, nanos_each };
        // The upper bits say something about checksums.
        match reader.number(&header, 20) & 0x0fff_ffff {
            ETHERNET => Ok(reader),
            other => Err(wrong(&format!("a pcap file of link type {other}, not of Ethernet frames (1)"))),
        }
    }

    fn number(&self, bytes: &[u8], at: usize) -> u32 {
        let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, ends within a frame, or has a frame of more than 256 KiB.
    pub fn read(&mut self) -> io::Result<Option<Captured>> {
        let mut header = [0; 16];
        let mut got = 0;
        while let Some(rest) = header.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                Ok(0) if got == 0 => return Ok(None),
                Ok(0) => return Err(wrong("the file ends within a frame's header")),
                Ok(more) => got += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let length = self.number(&header, 8) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(wrong(&format!("a frame of {length} bytes, at most {FRAME_BYTES_MAX}")));
        }
        let mut frame = vec![0; length];
        self.from.read_exact(&mut frame)?;
        let fraction = self.number(&header, 4).saturating_mul(self.nanos_each);
        let time = Duration::from_secs(u64::from(self.number(&header, 0))) + Duration::from_nanos(u64::from(fraction));
        Ok(Some(Captured { time, frame, bytes: self.number(&header, 12) }))
    }
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(file: &[u8]) -> io::Result<Vec<Captured>> {
        let mut reader = PcapReader::new(file)?;
        std::iter::from_fn(|| reader.read().transpose()).collect()
    }

    #[test]
    fn other_byte_orders_and_microseconds_are_read() {
        let header: [u32; 6] = [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65_535, 1];
        let file: Vec<u8> = header.iter().chain(&[7, 5, 2, 9]).flat_map(|field| field.to_be_bytes()).collect();
        let file = [&file[..], &[1, 2]].concat();
        let expected = Captured { time: Duration::new(7, 5_000), frame: vec![1, 2], bytes: 9 };
        assert_eq!(read(&file).unwrap(), [expected]);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let mut good = Vec::new();
        write_header(&mut good).unwrap();
        let damaged = |at: usize, value: u8| {
            let mut file = good.clone();
            file[at] = value;
            file
        };
        let long = [&good[..], &[0; 8], &[0xff; 8]].concat();
        for (file, complaint) in [
            (vec![1, 2], "ends within its header"),
            (damaged(0, 0), "does not begin"),
            (damaged(20, 101), "link type 101"),
            ([&good[..], &[0; 5]].concat(), "within a frame's header"),
            (long, "at most"),
        ] {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            frames in prop::collection::vec((0u32.., 0u32..1_000_000_000, prop::collection::vec(any::<u8>(), 0..80)), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut file = Vec::new();
            write_header(&mut file).unwrap();
            let mut expected = Vec::new();
            for (seconds, nanos, frame) in frames {
                let time = Duration::new(u64::from(seconds), nanos);
                write_frame(&mut file, time, &frame).unwrap();
                expected.push(Captured { time, bytes: u32::try_from(frame.len()).unwrap(), frame });
            }
            prop_assert_eq!(read(&file).unwrap(), expected);
            // Any part of it is read or refused.
            let _ = read(&file[..cut.index(file.len())]);
        }
    }
}
