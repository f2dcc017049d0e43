//! A `binary` as text.
//!
//! Printable UTF-8 stands for itself; anything else is `hex:` and digits. On the way in `base64:` and `@FILE` are
//! taken, too. Text that starts like one of these is put behind `text:`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIXES: [&str; 4] = ["hex:", "base64:", "text:", "@"];

/// The text for some bytes, from which [`parse`] makes the same bytes.
pub(crate) fn format(bytes: &[u8]) -> String {
    let is_printable = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_printable) => {
            let is_marked = PREFIXES.iter().any(|prefix| text.starts_with(prefix));
            if is_marked { format!("text:{text}") } else { text.to_owned() }
        }
        _ => bytes.iter().fold("hex:".to_owned(), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
            text
        }),
    }
}

/// The bytes that a text stands for.
///
/// # Errors
///
/// Wrong digits, or a file that cannot be read.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, String> {
    if let Some(digits) = text.strip_prefix("hex:") {
        return hex(digits).ok_or_else(|| format!("{text:?} is not an even number of hexadecimal digits after hex:"));
    }
    if let Some(digits) = text.strip_prefix("base64:") {
        return STANDARD.decode(digits).map_err(|error| format!("no base64 after base64: {error}"));
    }
    if let Some(path) = text.strip_prefix('@') {
        let help = "write text:@… for text that starts with @";
        return std::fs::read(path).map_err(|error| format!("cannot read the file {path:?}: {error}; {help}"));
    }
    Ok(text.strip_prefix("text:").unwrap_or(text).as_bytes().to_vec())
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks();
    let byte = |&[high, low]: &[u32; 2]| u8::try_from(high << 4 | low).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_readable_where_they_can_be() {
        assert_eq!(format(b"hello\n"), "hello\n");
        assert_eq!(format(&[0, 255]), "hex:00ff");
        assert_eq!(format(b"hex:00"), "text:hex:00");
        assert_eq!(format(b"\x1b[0m"), "hex:1b5b306d");
    }

    #[test]
    fn every_form_is_taken() {
        assert_eq!(parse("hex:00fF"), Ok(vec![0, 255]));
        assert_eq!(parse("base64:AP8="), Ok(vec![0, 255]));
        assert_eq!(parse("text:@home"), Ok(b"@home".to_vec()));
        assert_eq!(parse("plain"), Ok(b"plain".to_vec()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [1, 2]).unwrap();
        assert_eq!(parse(&format!("@{}", file.path().display())), Ok(vec![1, 2]));
    }

    #[test]
    fn wrong_forms_are_named() {
        for (text, complaint) in [
            ("hex:0", "even"),
            ("hex:0g", "hexadecimal"),
            ("hex:+1", "hexadecimal"),
            ("base64:?", "base64"),
            ("@/no/file", "/no/file"),
        ] {
            assert!(parse(text).unwrap_err().contains(complaint), "{text}");
        }
    }
}
