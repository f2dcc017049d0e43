//! IP addresses of which the first bits count.

use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPrefix {
    /// Not an address, a slash and a number within the address's width.
    #[error("not a prefix; write address and length, as in fd00:b1f0::/64 or 10.0.0.0/8")]
    Text,
    /// Bits beyond the length are set.
    #[error("bits beyond the length are set; did you mean {0}?")]
    Host(Prefix),
}

impl Prefix {
    /// The prefix of an address; bits beyond `bits`, and lengths beyond the address's, are cut.
    pub fn new(address: impl Into<IpAddr>, bits: u8) -> Self {
        match address.into() {
            IpAddr::V4(address) => {
                let bits = bits.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                Self { address: IpAddr::from((address.to_bits() & mask).to_be_bytes()), bits }
            }
            IpAddr::V6(address) => {
                let bits = bits.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                Self { address: IpAddr::from((address.to_bits() & mask).to_be_bytes()), bits }
            }
        }
    }

    /// The lowest address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits count.
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

impl FromStr for Prefix {
    type Err = NotPrefix;

    fn from_str(text: &str) -> Result<Self, NotPrefix> {
        let (address, bits) = text.split_once('/').ok_or(NotPrefix::Text)?;
        let address: IpAddr = address.parse().map_err(|_| NotPrefix::Text)?;
        let bits: u8 = bits.parse().map_err(|_| NotPrefix::Text)?;
        let prefix = Self::new(address, bits);
        match () {
            () if prefix.bits != bits => Err(NotPrefix::Text),
            () if prefix.address != address => Err(NotPrefix::Host(prefix)),
            () => Ok(prefix),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(v6: u128, v4: u32, bits: u8) {
            let v6 = Prefix::new(std::net::Ipv6Addr::from_bits(v6), bits);
            let v4 = Prefix::new(std::net::Ipv4Addr::from_bits(v4), bits);
            prop_assert_eq!(v6.to_string().parse(), Ok(v6));
            prop_assert_eq!(v4.to_string().parse(), Ok(v4));
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "fd00::", "fd00::/129", "10.0.0.0/33", "10.0.0/8", "fd00::/-1"] {
            assert_eq!(text.parse::<Prefix>(), Err(NotPrefix::Text), "{text}");
        }
        assert_eq!(
            "10.1.0.0/8".parse::<Prefix>().unwrap_err().to_string(),
            "bits beyond the length are set; did you mean 10.0.0.0/8?"
        );
    }
}
