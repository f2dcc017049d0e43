//! The tables of the rack's program that entries are made for. `docs/switch.md`, section 3, is what this follows.

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are described where the program is")]
pub enum Table {
    Rack,
    PortSecurity,
    BlockedSource,
    BlockedDestination,
    RpcService,
    RpcInstance,
    RpcPlace,
    ServiceSource,
    Node,
    MemoryServer,
    MemoryAccess,
    L2,
    Ipv4Route,
    Ipv6Route,
}

/// How a field of a key is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All bits count.
    Exact,
    /// The first bits count, and the longest prefix wins.
    Lpm,
}

/// How a field is written for people and for BMv2's command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A decimal number.
    Number,
    /// A number in hexadecimal, with all its digits.
    Hex,
    /// A MAC address.
    Mac,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

/// A field of a key, or a parameter of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in the program.
    pub name: &'static str,
    /// Its width in bits, at most 128.
    pub bits: u8,
    /// How it is looked up.
    pub kind: Kind,
    /// How it is written.
    pub form: Form,
}

impl Field {
    pub(super) const fn new(name: &'static str, bits: u8, form: Form) -> Self {
        Self { name, bits, kind: Kind::Exact, form }
    }

    /// Bytes that hold a value.
    pub(super) const fn bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Whether a value fits.
    pub(super) fn holds(&self, value: u128) -> bool {
        u32::from(self.bits) >= u128::BITS - value.leading_zeros()
    }

    const fn lpm(name: &'static str, bits: u8, form: Form) -> Self {
        Self { name, bits, kind: Kind::Lpm, form }
    }
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Rack,
        Self::PortSecurity,
        Self::BlockedSource,
        Self::BlockedDestination,
        Self::RpcService,
        Self::RpcInstance,
        Self::RpcPlace,
        Self::ServiceSource,
        Self::Node,
        Self::MemoryServer,
        Self::MemoryAccess,
        Self::L2,
        Self::Ipv4Route,
        Self::Ipv6Route,
    ];

    /// Its name in the program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rack => "rack",
            Self::PortSecurity => "port_security",
            Self::BlockedSource => "blocked_source",
            Self::BlockedDestination => "blocked_destination",
            Self::RpcService => "rpc_service",
            Self::RpcInstance => "rpc_instance",
            Self::RpcPlace => "rpc_place",
            Self::ServiceSource => "service_source",
            Self::Node => "node",
            Self::MemoryServer => "memory_server",
            Self::MemoryAccess => "memory_access",
            Self::L2 => "l2",
            Self::Ipv4Route => "ipv4_route",
            Self::Ipv6Route => "ipv6_route",
        }
    }

    /// The table of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The fields of its key. `rack` has none: what is set there is its default action.
    pub const fn key(self) -> &'static [Field] {
        const PORT_SECURITY: [Field; 3] = [
            Field::new("ingress_port", 9, Form::Number),
            Field::new("source_mac", 48, Form::Mac),
            Field::lpm("source", 128, Form::Ipv6),
        ];
        const RPC_SERVICE: [Field; 2] =
            [Field::new("method_length", 8, Form::Number), Field::new("method", 128, Form::Hex)];
        const RPC_PLACE: [Field; 2] = [Field::new("service", 16, Form::Number), Field::lpm("share", 16, Form::Hex)];
        const SERVICE_SOURCE: [Field; 2] =
            [Field::new("source", 128, Form::Ipv6), Field::new("source_port", 16, Form::Number)];
        const MEMORY_ACCESS: [Field; 4] = [
            Field::new("server", 8, Form::Number),
            Field::new("object", 64, Form::Hex),
            Field::new("operation", 8, Form::Number),
            Field::new("source", 128, Form::Ipv6),
        ];
        match self {
            Self::Rack => &[],
            Self::PortSecurity => &PORT_SECURITY,
            Self::BlockedSource => &const { [Field::lpm("source", 128, Form::Ipv6)] },
            Self::BlockedDestination | Self::Ipv6Route => &const { [Field::lpm("destination", 128, Form::Ipv6)] },
            Self::RpcService => &RPC_SERVICE,
            Self::RpcInstance => &const { [Field::new("instance", 32, Form::Hex)] },
            Self::RpcPlace => &RPC_PLACE,
            Self::ServiceSource => &SERVICE_SOURCE,
            Self::Node => &const { [Field::new("destination", 128, Form::Ipv6)] },
            Self::MemoryServer => &const { [Field::new("server", 8, Form::Number)] },
            Self::MemoryAccess => &MEMORY_ACCESS,
            Self::L2 => &const { [Field::new("destination_mac", 48, Form::Mac)] },
            Self::Ipv4Route => &const { [Field::lpm("destination", 32, Form::Ipv4)] },
        }
    }

    /// Entries that it holds in the program that comes with this crate.
    pub const fn size(self) -> usize {
        match self {
            Self::Rack => 1,
            Self::PortSecurity | Self::ServiceSource | Self::L2 | Self::Ipv4Route | Self::Ipv6Route => 4096,
            Self::BlockedSource | Self::BlockedDestination => 1024,
            Self::RpcService | Self::RpcPlace | Self::Node => 16_384,
            Self::RpcInstance => 65_536,
            Self::MemoryServer => 256,
            Self::MemoryAccess => 2_097_152,
        }
    }

    /// Only the control plane fills it, while the rack runs: manifests and rack description say nothing of it.
    pub const fn is_control_planes(self) -> bool {
        matches!(self, Self::BlockedSource | Self::BlockedDestination | Self::RpcInstance | Self::MemoryAccess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, MatchKind};

    #[test]
    fn the_compiled_program_has_these_tables() {
        let engine = Engine::load(crate::PROGRAM, 1).unwrap();
        let tables = engine.tables();
        for table in Table::ALL {
            let info = tables.iter().find(|info| info.name == table.name()).unwrap();
            let kind = |kind| if kind == Kind::Lpm { MatchKind::Lpm } else { MatchKind::Exact };
            let key: Vec<_> =
                table.key().iter().map(|f| (f.name.to_owned(), kind(f.kind), u32::from(f.bits))).collect();
            assert_eq!(info.key, key, "{}", info.name);
            assert!(table == Table::Rack || info.size == table.size(), "{}", info.name);
            assert_eq!(Table::named(&info.name), Some(table));
            assert_eq!(Table::ALL[table as usize], table);
        }
    }
}
