//! Sizes and times as people write them: `64M`, `500ms`.

use std::time::Duration;

const SIZE_HELP: &str = "write a number of bytes, or one with K, M, G or T for 1,024 and its powers: 9000, 64K, 16M";
const TIME_HELP: &str = "write a number with its unit: 500us, 20ms, 2s, 1m, 1h";

/// Parses a number of bytes, `K`, `M`, `G` and `T` (also `KiB`, `MB` and so on) being powers of 1,024. At most 4 GiB.
pub(crate) fn size(text: &str) -> Result<u32, String> {
    u32::try_from(long_size(text)?).map_err(|_| "more than 4 GiB".to_owned())
}

/// As [`size`], without its bound.
pub(crate) fn long_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = split(text);
    let factor: u64 = match unit.to_ascii_uppercase().trim_end_matches('B').trim_end_matches('I') {
        "" if !unit.to_ascii_uppercase().contains('I') => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(format!("no size; {SIZE_HELP}")),
    };
    let count: u64 = digits.parse().map_err(|_| format!("no size; {SIZE_HELP}"))?;
    match count.checked_mul(factor) {
        Some(0) => Err("must be more than 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("more than 64 bits".to_owned()),
    }
}

/// Parses a byte: `253` or `0xfd`.
pub(crate) fn byte(text: &str) -> Result<u8, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "no byte; write 0 to 255, or 0x00 to 0xff".to_owned())
}

/// Parses a time with its unit. At most a day; zero is refused.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let found = duration_or_zero(text)?;
    if found.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(found) }
}

/// As [`duration`], zero included.
pub(crate) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    const DAY_S: f64 = 86_400.0;
    let (digits, unit) = split(text);
    let seconds = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" if digits == "0" => 1.0,
        "" => return Err(format!("a time without a unit; {TIME_HELP}")),
        _ => return Err(format!("no time; {TIME_HELP}")),
    };
    let count: f64 = digits.parse().map_err(|_| format!("no time; {TIME_HELP}"))?;
    let total = count * seconds;
    if total > DAY_S {
        return Err("more than a day".to_owned());
    }
    Duration::try_from_secs_f64(total).map_err(|_| format!("no time; {TIME_HELP}"))
}

/// The number at the start, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (digits, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1", 1), ("1K", 1024), ("64k", 65_536), ("2M", 2 << 20), ("16 MiB", 16 << 20), ("9000B", 9000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, complaint) in
            [("0", "0"), ("", "no size"), ("K", "no size"), ("-1", "no size"), ("1P", "no size"), ("1.5K", "no size")]
        {
            assert!(size(text).unwrap_err().contains(complaint), "{text}");
        }
        assert!(size("8G").unwrap_err().contains("4 GiB"));
        assert_eq!((long_size("8G"), long_size("2 TiB")), (Ok(8 << 30), Ok(2 << 40)));
        assert!(long_size("99999999T").unwrap_err().contains("64 bits"));
        assert!(size("1iB").is_err());
    }

    #[test]
    fn bytes() {
        assert_eq!((byte("253"), byte("0xfd"), byte("0")), (Ok(0xfd), Ok(0xfd), Ok(0)));
        for text in ["256", "0x100", "-1", "fd", ""] {
            assert!(byte(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, ms) in [("500ms", 500), ("2s", 2000), ("1.5s", 1500), ("1m", 60_000), ("1 h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(duration_or_zero("0"), Ok(Duration::ZERO));
        for (text, complaint) in [
            ("5", "unit"),
            ("0s", "more than 0"),
            ("s", "no time"),
            ("2d", "no time"),
            ("-1s", "no time"),
            ("25h", "day"),
        ] {
            assert!(duration(text).unwrap_err().contains(complaint), "{text}");
        }
    }
}
