//! Records of the durable log ↔ bytes: `idl/gatekeeper_log.thrift` in the binary protocol.

use crate::gatekeeper::Record;
use crate::idl::gatekeeper_log as idl;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{BinaryReader, BinaryWriter, Decode, Encode};
use bifrost_rpc::thrift;
use bifrost_rpc::wire::control::NodeKind;
use idl::LogRecord;
use std::net::Ipv6Addr;

/// Kinds without a name stand above those that have one.
const OTHER_KIND: i16 = 256;

/// A record as bytes.
///
/// # Errors
///
/// It is longer than any record can be.
pub(super) fn encode(record: &Record) -> thrift::Result<Vec<u8>> {
    let mut out = MessageBuffer::new();
    record_out(record).encode(&mut BinaryWriter::new(&mut out))?;
    Ok(out.finish().to_vec())
}

/// The record of these bytes; `None`: they are none that this version knows.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut reader = BinaryReader::new(bytes);
    let record = LogRecord::decode(&mut reader).ok()?;
    if reader.remaining() == 0 { record_in(record) } else { None }
}

fn record_out(record: &Record) -> LogRecord {
    match record {
        Record::Term(term) => LogRecord::Term(term.cast_signed()),
        Record::Node {
            name,
            kind,
            incarnation,
            nonce,
            port,
            mac,
            addresses,
            owns_service_addresses,
            memory,
            capacity,
            specification,
        } => LogRecord::Node(idl::LogNode {
            name: name.clone(),
            kind: kind_out(*kind),
            incarnation: (*incarnation).into(),
            nonce: nonce.to_vec(),
            port: (*port).into(),
            mac: mac.to_vec(),
            addresses: addresses.iter().map(|address| address.octets().to_vec()).collect(),
            owns_service_addresses: *owns_service_addresses,
            memory: memory.map(|(server, boot)| idl::LogMemory { server: server.into(), boot: boot.into() }),
            capacity: capacity.cast_signed(),
            specification: specification.clone(),
        }),
        Record::Serves { node, service, instance, methods, is_open } => LogRecord::Serves(idl::LogServes {
            node: node.clone(),
            service: service.clone(),
            instance: (*instance).into(),
            methods: methods.iter().map(method_out).collect(),
            is_open: *is_open,
        }),
        Record::ServesNot { node, service, instance } => LogRecord::ServesNot(idl::LogServesNot {
            node: node.clone(),
            service: service.clone(),
            instance: (*instance).into(),
        }),
        Record::Lived { address, incarnation } => {
            LogRecord::Lived(idl::LogLived { address: address.octets().to_vec(), incarnation: (*incarnation).into() })
        }
        Record::Ended { node, incarnation, is_dead } => LogRecord::Ended(idl::LogEnded {
            node: node.clone(),
            incarnation: (*incarnation).into(),
            is_dead: *is_dead,
        }),
    }
}

fn record_in(record: LogRecord) -> Option<Record> {
    Some(match record {
        LogRecord::Term(term) => Record::Term(term.cast_unsigned()),
        LogRecord::Node(node) => Record::Node {
            kind: kind_in(node.kind)?,
            incarnation: node.incarnation.try_into().ok()?,
            nonce: node.nonce.try_into().ok()?,
            port: node.port.try_into().ok()?,
            mac: node.mac.try_into().ok()?,
            addresses: node.addresses.into_iter().map(address_in).collect::<Option<_>>()?,
            owns_service_addresses: node.owns_service_addresses,
            memory: match node.memory {
                Some(memory) => Some((memory.server.try_into().ok()?, memory.boot.try_into().ok()?)),
                None => None,
            },
            capacity: node.capacity.cast_unsigned(),
            name: node.name,
            specification: node.specification,
        },
        LogRecord::Serves(serves) => Record::Serves {
            instance: serves.instance.try_into().ok()?,
            methods: serves.methods.into_iter().map(method_in).collect::<Option<_>>()?,
            is_open: serves.is_open,
            node: serves.node,
            service: serves.service,
        },
        LogRecord::ServesNot(ended) => {
            Record::ServesNot { instance: ended.instance.try_into().ok()?, node: ended.node, service: ended.service }
        }
        LogRecord::Ended(ended) => {
            Record::Ended { incarnation: ended.incarnation.try_into().ok()?, is_dead: ended.is_dead, node: ended.node }
        }
        LogRecord::Lived(lived) => {
            Record::Lived { address: address_in(lived.address)?, incarnation: lived.incarnation.try_into().ok()? }
        }
        LogRecord::Unknown(_) => return None,
    })
}

fn method_out((name_length, field, tracking): &(u8, [u8; 16], u8)) -> idl::LogMethod {
    idl::LogMethod { name_length: (*name_length).into(), field: field.to_vec(), tracking: (*tracking).into() }
}

fn method_in(method: idl::LogMethod) -> Option<(u8, [u8; 16], u8)> {
    Some((method.name_length.try_into().ok()?, method.field.try_into().ok()?, method.tracking.try_into().ok()?))
}

fn address_in(bytes: Vec<u8>) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))
}

fn kind_out(kind: NodeKind) -> i16 {
    match kind {
        NodeKind::Compute => 0,
        NodeKind::Memory => 1,
        NodeKind::Network => 2,
        NodeKind::Storage => 3,
        NodeKind::Other(number) => OTHER_KIND + i16::from(number),
    }
}

fn kind_in(number: i16) -> Option<NodeKind> {
    Some(match number {
        0 => NodeKind::Compute,
        1 => NodeKind::Memory,
        2 => NodeKind::Network,
        3 => NodeKind::Storage,
        number => NodeKind::Other(u8::try_from(number.checked_sub(OTHER_KIND)?).ok()?),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind() -> impl Strategy<Value = NodeKind> {
        prop_oneof![
            prop::sample::select(vec![NodeKind::Compute, NodeKind::Memory, NodeKind::Network, NodeKind::Storage]),
            any::<u8>().prop_map(NodeKind::Other),
        ]
    }

    fn node() -> impl Strategy<Value = Record> {
        let life = (any::<u32>(), any::<[u8; 16]>(), any::<u16>(), any::<[u8; 6]>());
        let addresses = prop::collection::vec(any::<[u8; 16]>().prop_map(Ipv6Addr::from), 0..8);
        let what = (any::<bool>(), any::<Option<(u8, u32)>>(), any::<u64>(), ".{0,20}");
        (".{0,20}", kind(), life, addresses, what).prop_map(|(name, kind, life, addresses, what)| Record::Node {
            name,
            kind,
            incarnation: life.0,
            nonce: life.1,
            port: life.2,
            mac: life.3,
            addresses,
            owns_service_addresses: what.0,
            memory: what.1,
            capacity: what.2,
            specification: what.3,
        })
    }

    pub(crate) fn record() -> impl Strategy<Value = Record> {
        let serves = (".{0,9}", ".{0,9}", any::<u32>(), any::<Vec<(u8, [u8; 16], u8)>>(), any::<bool>());
        prop_oneof![
            any::<u64>().prop_map(Record::Term),
            (any::<[u8; 16]>(), any::<u32>())
                .prop_map(|(address, incarnation)| Record::Lived { address: address.into(), incarnation }),
            node(),
            serves.prop_map(|(node, service, instance, methods, is_open)| Record::Serves {
                node,
                service,
                instance,
                methods,
                is_open
            }),
            (".{0,9}", ".{0,9}", any::<u32>()).prop_map(|(node, service, instance)| Record::ServesNot {
                node,
                service,
                instance
            }),
            (".{0,9}", any::<u32>(), any::<bool>()).prop_map(|(node, incarnation, is_dead)| Record::Ended {
                node,
                incarnation,
                is_dead
            }),
        ]
    }

    proptest! {
        #[test]
        fn records_are_written_and_read(record in record()) {
            prop_assert_eq!(decode(&encode(&record).unwrap()), Some(record));
        }

        #[test]
        fn any_bytes_are_a_record_or_none(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_record_that_is_cut_is_none(record in record(), cut: prop::sample::Index) {
            let bytes = encode(&record).unwrap();
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), None);
        }
    }
}
