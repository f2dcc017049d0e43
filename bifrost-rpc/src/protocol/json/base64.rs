//! How `binary` is written.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Without padding, as Apache's C++, Java, .NET, Delphi and D libraries write it; the last of these takes no other.
/// Python, Go, Ruby, Node.js and PHP pad, and take both. So do we, and like Apache's readers we do not look at the bits
/// beyond the last byte.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Appends the text of `bytes`.
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    // Enough: four for each three begun.
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let written = ENGINE.encode_slice(bytes, room).unwrap_or_default();
    out.truncate(start + written);
}

/// The bytes of a text; `None` if it is none.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// The bytes that a text of `len` bytes stands for at least: four for three bytes, the last four perhaps with padding.
pub(super) fn decoded_len_min(len: usize) -> usize {
    (len / 4 * 3).saturating_sub(2)
}
