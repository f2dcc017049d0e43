//! CRCs of 16 and 32 bits with any parameters.

use super::Engine;
use super::hash::Algorithm;

/// The parameters of a CRC; values are those of its low bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrcConfig {
    /// 16 or 32 bits.
    pub width: u32,
    /// The polynomial without its highest term, most significant first.
    pub polynomial: u32,
    /// What the remainder is at first.
    pub initial: u32,
    /// What the result is joined with by exclusive or.
    pub final_xor: u32,
    /// Bytes are taken least significant bit first.
    pub reflect_data: bool,
    /// The remainder is reversed at the end.
    pub reflect_remainder: bool,
}

impl CrcConfig {
    /// What `crc16_custom` begins with: `crc16`.
    pub(crate) const ARC: Self =
        Self { width: 16, polynomial: 0x8005, initial: 0, final_xor: 0, reflect_data: true, reflect_remainder: true };
    /// What `crc32_custom` begins with: `crc32`.
    pub(crate) const ISO_HDLC: Self = Self {
        width: 32,
        polynomial: 0x04c1_1db7,
        initial: u32::MAX,
        final_xor: u32::MAX,
        reflect_data: true,
        reflect_remainder: true,
    };

    /// Values that stand in the high bits of a word while it is computed.
    fn shift(&self) -> u32 {
        32 - self.width
    }
}

/// Why a CRC was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrcError {
    /// No calculation has this name.
    #[error("no such calculation")]
    InvalidName = 1,
    /// The calculation is not by a CRC of this width whose parameters can be set.
    #[error("the calculation is not by such a CRC")]
    WrongType = 2,
    /// The width is neither 16 nor 32.
    #[error("the parameters make no CRC")]
    InvalidConfig = 3,
}

impl CrcError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }
}

/// A CRC and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Custom {
    config: CrcConfig,
    table: [u32; 256],
}

impl Custom {
    pub(crate) fn new(config: CrcConfig) -> Self {
        let polynomial = config.polynomial << config.shift();
        let mut table = [0; 256];
        for (first, entry) in (0u32..).zip(&mut table) {
            *entry = (0..8).fold(first << 24, |word, _| word << 1 ^ if word >> 31 == 1 { polynomial } else { 0 });
        }
        Self { config, table }
    }

    pub(crate) fn of(&self, bytes: impl Iterator<Item = u8>) -> u32 {
        let config = &self.config;
        let step = |word: u32, byte: u8| {
            let byte = if config.reflect_data { byte.reverse_bits() } else { byte };
            let [first, ..] = word.to_be_bytes();
            word << 8 ^ self.table.get(usize::from(first ^ byte)).copied().unwrap_or_default()
        };
        let word = bytes.fold(config.initial << config.shift(), step);
        let remainder = if config.reflect_remainder { word.reverse_bits() } else { word >> config.shift() };
        (remainder ^ config.final_xor) & u32::MAX >> config.shift()
    }
}

impl Engine {
    /// Sets the parameters of a calculation by `crc16_custom` or `crc32_custom`.
    pub fn set_crc(&mut self, calculation: &str, config: CrcConfig) -> Result<(), CrcError> {
        if !matches!(config.width, 16 | 32) {
            return Err(CrcError::InvalidConfig);
        }
        let found = self.program.calculations.iter_mut().find(|found| found.name == calculation);
        match found.map(|found| &mut found.algorithm) {
            Some(Algorithm::Custom(custom)) if custom.config.width == config.width => {
                **custom = Custom::new(config);
                Ok(())
            }
            Some(_) => Err(CrcError::WrongType),
            None => Err(CrcError::InvalidName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::crc::{CRC_16_ARC, CRC_16_IBM_3740, CRC_16_KERMIT, CRC_32_BZIP2, CRC_32_ISO_HDLC, Crc};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_parameters_give_what_the_catalogue_says(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let of = |config| Custom::new(config).of(bytes.iter().copied());
            for algorithm in [&CRC_16_ARC, &CRC_16_IBM_3740, &CRC_16_KERMIT] {
                let config = CrcConfig {
                    width: 16,
                    polynomial: algorithm.poly.into(),
                    initial: algorithm.init.into(),
                    final_xor: algorithm.xorout.into(),
                    reflect_data: algorithm.refin,
                    reflect_remainder: algorithm.refout,
                };
                prop_assert_eq!(of(config), u32::from(Crc::<u16>::new(algorithm).checksum(&bytes)));
            }
            for algorithm in [&CRC_32_ISO_HDLC, &CRC_32_BZIP2] {
                let config = CrcConfig {
                    width: 32,
                    polynomial: algorithm.poly,
                    initial: algorithm.init,
                    final_xor: algorithm.xorout,
                    reflect_data: algorithm.refin,
                    reflect_remainder: algorithm.refout,
                };
                prop_assert_eq!(of(config), Crc::<u32>::new(algorithm).checksum(&bytes));
            }
            prop_assert_eq!(of(CrcConfig::ARC), u32::from(Crc::<u16>::new(&CRC_16_ARC).checksum(&bytes)));
            prop_assert_eq!(of(CrcConfig::ISO_HDLC), Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&bytes));
        }
    }
}
