//! The anycast address of a service in a rack.

use super::method::fnv1a;
use std::net::Ipv6Addr;

/// Bits of a rack's prefix. The other 64 bits of a service's address are a hash.
pub const RACK_PREFIX_BITS: u8 = 64;

/// The address at which callers reach a service, whichever nodes serve it: the first 64 bits of `rack`, then the 64-bit FNV-1a hash of
/// the service's name.
///
/// The name is the one in the method field, `Store` in `Store:get`.
#[must_use]
pub fn service_address(rack: Ipv6Addr, service: &str) -> Ipv6Addr {
    let prefix = rack.to_bits() >> RACK_PREFIX_BITS << RACK_PREFIX_BITS;
    Ipv6Addr::from_bits(prefix | u128::from(fnv1a(service.bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_address_is_prefix_and_hash() {
        let rack: Ipv6Addr = "fd00:b1f0:0:1::".parse().unwrap();
        // The published test value of 64-bit FNV-1a.
        let expected: Ipv6Addr = "fd00:b1f0:0:1:8594:4171:f739:67e8".parse().unwrap();
        assert_eq!(service_address(rack, "foobar"), expected);
        assert_ne!(service_address(rack, "foobaz"), expected);
    }

    proptest! {
        #[test]
        fn only_the_prefix_of_the_rack_counts(rack: u128, host: u64, service in "[A-Za-z_]{1,40}") {
            let other = Ipv6Addr::from_bits(rack >> 64 << 64 | u128::from(host));
            let address = service_address(Ipv6Addr::from_bits(rack), &service);
            prop_assert_eq!(address, service_address(other, &service));
            prop_assert_eq!(address.to_bits() >> 64, rack >> 64);
        }
    }
}
