//! UDP over IPv6 in an Ethernet frame: what nodes of a rack exchange where no kernel makes the frames for them.
//!
//! No options, extension headers, tags or fragments: a frame that has any is refused, as the switch drops them for Bifröst.

use std::net::Ipv6Addr;

/// Bytes before the payload: Ethernet, IPv6 and UDP headers.
pub const FRAME_HEADERS_BYTES: usize = ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES;
/// Bytes of the payload of one frame at most: what IPv6's length field leaves.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 65_535 - UDP_BYTES;

/// Bytes of an Ethernet header.
pub const ETHERNET_BYTES: usize = 14;
pub(crate) const IPV6_BYTES: usize = 40;
pub(crate) const UDP_BYTES: usize = 8;
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xDD];
const PROTOCOL_UDP: u8 = 17;
const HOPS: u8 = 64;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// From where to where a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameAddresses {
    /// The sender's Ethernet address.
    pub source_mac: Mac,
    /// The receiver's, or the switch's.
    pub destination_mac: Mac,
    /// The sender's IPv6 address.
    pub source: Ipv6Addr,
    /// The receiver's IPv6 address.
    pub destination: Ipv6Addr,
    /// The sender's UDP port.
    pub source_port: u16,
    /// The receiver's UDP port.
    pub destination_port: u16,
}

/// Why bytes are not a frame with a UDP datagram over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Shorter than its headers, or than these say.
    #[error("the frame is cut short")]
    Short,
    /// Not IPv6 directly followed by UDP.
    #[error("not UDP over IPv6")]
    Other,
    /// UDP's length and IPv6's differ.
    #[error("the lengths of IPv6 and UDP differ")]
    Length,
    /// Damaged on the way, or without the checksum that IPv6 demands.
    #[error("wrong UDP checksum")]
    Checksum,
}

impl FrameAddresses {
    /// The headers of a frame whose payload has `length` bytes and, in the order in which it is sent, the sum `payload`.
    ///
    /// `None` where the length is over [`FRAME_PAYLOAD_BYTES_MAX`].
    #[must_use]
    pub fn headers(&self, length: usize, payload: Sum) -> Option<[u8; FRAME_HEADERS_BYTES]> {
        let udp_length = u16::try_from(length + UDP_BYTES).ok()?.to_be_bytes();
        let mut sum = payload;
        self.add_pseudo_header(udp_length, &mut sum);
        // 0 would say that there is no checksum.
        let checksum = match sum.complement() {
            0 => u16::MAX,
            other => other,
        };
        let mut out = [0; FRAME_HEADERS_BYTES];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.destination_mac);
        put(&self.source_mac);
        put(&ETHERTYPE_IPV6);
        put(&[0x60, 0, 0, 0]);
        put(&udp_length);
        put(&[PROTOCOL_UDP, HOPS]);
        put(&self.source.octets());
        put(&self.destination.octets());
        put(&self.source_port.to_be_bytes());
        put(&self.destination_port.to_be_bytes());
        put(&udp_length);
        put(&checksum.to_be_bytes());
        Some(out)
    }

    /// Takes a frame apart and checks it.
    ///
    /// # Errors
    ///
    /// [`FrameError`].
    pub fn parse(frame: &[u8]) -> Result<(Self, &[u8]), FrameError> {
        let (headers, rest) = frame.split_first_chunk::<FRAME_HEADERS_BYTES>().ok_or(FrameError::Short)?;
        if headers[12..14] != ETHERTYPE_IPV6 || headers[14] >> 4 != 6 || headers[20] != PROTOCOL_UDP {
            return Err(FrameError::Other);
        }
        let (length, udp_length) = ([headers[18], headers[19]], [headers[58], headers[59]]);
        let bytes = usize::from(u16::from_be_bytes(length)).checked_sub(UDP_BYTES).ok_or(FrameError::Length)?;
        if length != udp_length {
            return Err(FrameError::Length);
        }
        // What is behind may be padding of a short frame.
        let payload = rest.get(..bytes).ok_or(FrameError::Short)?;
        let addresses = Self::read(headers);
        let mut sum = Sum::default();
        sum.add(payload);
        addresses.add_pseudo_header(udp_length, &mut sum);
        let checksum = u16::from_be_bytes([headers[60], headers[61]]);
        sum.add_word(checksum);
        if checksum == 0 || sum.complement() != 0 {
            return Err(FrameError::Checksum);
        }
        Ok((addresses, payload))
    }

    fn read(headers: &[u8; FRAME_HEADERS_BYTES]) -> Self {
        let mac = |at: usize| std::array::from_fn(|i| headers[at + i]);
        let address = |at: usize| Ipv6Addr::from(std::array::from_fn::<u8, 16, _>(|i| headers[at + i]));
        let port = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
        Self {
            destination_mac: mac(0),
            source_mac: mac(6),
            source: address(22),
            destination: address(38),
            source_port: port(54),
            destination_port: port(56),
        }
    }

    /// Adds what UDP's checksum covers besides the payload, the checksum itself aside.
    fn add_pseudo_header(&self, udp_length: [u8; 2], sum: &mut Sum) {
        for address in [self.source, self.destination] {
            address.segments().into_iter().for_each(|word| sum.add_word(word));
        }
        let length = u16::from_be_bytes(udp_length);
        // The length stands in the pseudo-header and in the header.
        for word in [length, u16::from(PROTOCOL_UDP), self.source_port, self.destination_port, length] {
            sum.add_word(word);
        }
    }
}

/// The ones' complement sum of 16-bit words that checksums of IP and UDP are made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    /// Sums of words in the machine's own order: their order does not matter to a ones' complement sum.
    total: u64,
    /// Whether an odd number of bytes was added.
    is_odd: bool,
}

impl Sum {
    /// Adds bytes that follow those added before.
    pub fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<4>();
        // 2^32 words of 32 bits fit, more than any slice that is sent has.
        let mut total: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        total += u64::from(u32::from_ne_bytes(last));
        let folded = fold(total);
        let folded = if self.is_odd { folded.swap_bytes() } else { folded };
        self.total += u64::from(folded);
        self.is_odd ^= bytes.len() % 2 == 1;
    }

    /// Adds a word of a header.
    fn add_word(&mut self, word: u16) {
        self.total += u64::from(word.to_be());
    }

    /// The complement of the sum, as it stands in a header.
    #[must_use]
    pub fn complement(self) -> u16 {
        u16::from_be(!fold(self.total))
    }
}

fn fold(mut total: u64) -> u16 {
    // Each step leaves at most half of the bits and a carry; four leave 16 bits.
    total = (total >> 32) + (total & 0xffff_ffff);
    total = (total >> 16) + (total & 0xffff);
    total = (total >> 16) + (total & 0xffff);
    total = (total >> 16) + (total & 0xffff);
    u16::try_from(total).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses() -> FrameAddresses {
        FrameAddresses {
            source_mac: [2, 0, 0, 0, 0, 1],
            destination_mac: [2, 0xb1, 0xf0, 0, 0, 1],
            source: "fd00::1".parse().unwrap(),
            destination: "fd00::2".parse().unwrap(),
            source_port: 40_000,
            destination_port: 7400,
        }
    }

    fn frame(addresses: &FrameAddresses, payload: &[u8]) -> Vec<u8> {
        let mut sum = Sum::default();
        sum.add(payload);
        [&addresses.headers(payload.len(), sum).unwrap()[..], payload].concat()
    }

    /// The sum as RFC 1071 writes it.
    fn plain_sum(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !u16::try_from(sum).unwrap()
    }

    #[test]
    fn bytes_stand_where_the_standards_say() {
        let bytes = frame(&addresses(), b"hello");
        assert_eq!(bytes[..14], [2, 0xb1, 0xf0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd]);
        assert_eq!(bytes[14..22], [0x60, 0, 0, 0, 0, 13, 17, 64]);
        assert_eq!(bytes[54..60], [0x9c, 0x40, 0x1c, 0xe8, 0, 13]);
        // Computed by another implementation.
        assert_eq!(u16::from_be_bytes([bytes[60], bytes[61]]), checksum_by_the_book(&bytes));
    }

    fn checksum_by_the_book(frame: &[u8]) -> u16 {
        let mut pseudo = frame[22..54].to_vec();
        pseudo.extend_from_slice(&[0, 0, frame[58], frame[59], 0, 0, 0, 17]);
        pseudo.extend_from_slice(&frame[54..60]);
        pseudo.extend_from_slice(&[0, 0]);
        pseudo.extend_from_slice(&frame[62..]);
        plain_sum(&pseudo)
    }

    #[test]
    fn other_frames_are_told_apart() {
        let whole = frame(&addresses(), b"hello");
        let with = |at: usize, byte: u8| {
            let mut other = whole.clone();
            other[at] = byte;
            FrameAddresses::parse(&other).unwrap_err()
        };
        assert_eq!(with(12, 0x08), FrameError::Other);
        assert_eq!(with(14, 0x40), FrameError::Other);
        assert_eq!(with(20, 6), FrameError::Other);
        assert_eq!(with(19, 3), FrameError::Length);
        assert_eq!(with(66, b'x'), FrameError::Checksum);
        assert_eq!(FrameAddresses::parse(&whole[..66]), Err(FrameError::Short));
        let padded = [&whole[..], &[0; 20]].concat();
        assert_eq!(FrameAddresses::parse(&padded), Ok((addresses(), &b"hello"[..])));
        let mut none = whole;
        none[60..62].fill(0);
        assert_eq!(FrameAddresses::parse(&none), Err(FrameError::Checksum));
        assert_eq!(addresses().headers(FRAME_PAYLOAD_BYTES_MAX + 1, Sum::default()), None);
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed(payload in prop::collection::vec(any::<u8>(), 0..2000), source: [u8; 16], port: u16) {
            let addresses = FrameAddresses { source: source.into(), source_port: port, ..addresses() };
            let bytes = frame(&addresses, &payload);
            prop_assert_eq!(FrameAddresses::parse(&bytes), Ok((addresses, &payload[..])));
            let found = u16::from_be_bytes([bytes[60], bytes[61]]);
            prop_assert!(found != 0);
            prop_assert_eq!(found % u16::MAX, checksum_by_the_book(&bytes) % u16::MAX);
        }

        #[test]
        fn a_sum_does_not_depend_on_how_bytes_are_cut(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(0usize..300, 0..6)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let (mut sum, mut from) = (Sum::default(), 0);
            for cut in cuts {
                sum.add(&bytes[from..cut]);
                from = cut;
            }
            sum.add(&bytes[from..]);
            prop_assert_eq!(sum.complement() % u16::MAX, plain_sum(&bytes) % u16::MAX);
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), looks_right: bool) {
            if looks_right && bytes.len() > 20 {
                (bytes[12], bytes[13], bytes[14], bytes[20]) = (0x86, 0xdd, 0x60, 17);
            }
            let _ = FrameAddresses::parse(&bytes);
        }
    }
}
