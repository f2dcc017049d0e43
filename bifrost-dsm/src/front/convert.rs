//! Between the words of the IDL and the memory server's.

use super::idl::bifrost::Ptr;
use super::idl::memory_control as idl;
use crate::access::{CallKey, ObjectRow};
use crate::config::Config;
use crate::control::{CONTROL_OBJECTS_MAX, Stamp};
use crate::identity::Holder;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use bifrost_rpc::memory::{ObjectId, Pointer};
use std::collections::BTreeMap;
use std::net::IpAddr;

const _: () = assert!(idl::POINTERS_MAX as usize == CONTROL_OBJECTS_MAX);

pub(super) fn malformed(reason: impl Into<String>) -> idl::Malformed {
    idl::Malformed { reason: reason.into() }
}

/// A count or size; what is beyond the IDL's numbers is the largest of them.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn stamp(stamp: &idl::Stamp) -> Result<Stamp, idl::Malformed> {
    match (u64::try_from(stamp.term), u64::try_from(stamp.sequence)) {
        (Ok(term), Ok(sequence)) => Ok(Stamp { term, sequence }),
        _ => Err(malformed("a stamp has no numbers below 0")),
    }
}

pub(super) fn stamp_out(stamp: Stamp) -> idl::Stamp {
    idl::Stamp { term: number(stamp.term), sequence: number(stamp.sequence) }
}

pub(super) fn holder_out(holder: Holder) -> idl::Holder {
    let node = IpAddr::V6(holder.node.0).to_canonical();
    idl::Holder { node: node.to_string(), incarnation: i64::from(holder.incarnation) }
}

pub(super) fn call(call: &idl::Call) -> CallKey {
    CallKey { client: call.client.cast_unsigned(), rpc: call.rpc.cast_unsigned() }
}

pub(super) fn lease_out((call, callee): (CallKey, Holder)) -> idl::Lease {
    idl::Lease { call: call_out(call), callee: holder_out(callee) }
}

fn call_out(call: CallKey) -> idl::Call {
    idl::Call { client: call.client.cast_signed(), rpc: call.rpc.cast_signed() }
}

/// An object of this server.
pub(super) fn object(pointer: Ptr, config: &Config) -> Result<ObjectId, idl::Malformed> {
    let pointer = Pointer::parse(*pointer.as_bytes()).map_err(|error| malformed(error.to_string()))?;
    if (pointer.prefix(), pointer.server()) != (config.prefix, config.server) {
        let (prefix, server) = (config.prefix, config.server);
        return Err(malformed(format!("{pointer} is not of this server, m{server} of prefix {prefix:#04x}")));
    }
    Ok(pointer.object_id())
}

pub(super) fn objects(pointers: &[Ptr], config: &Config) -> Result<Vec<ObjectId>, idl::Malformed> {
    pointers.iter().map(|pointer| object(*pointer, config)).collect()
}

pub(super) fn pointer(object: ObjectId, config: &Config) -> Ptr {
    Pointer::new(config.prefix, config.server, object.to_bits()).into()
}

pub(super) fn row_out(row: ObjectRow, config: &Config) -> idl::Row {
    idl::Row {
        object: pointer(row.object, config),
        bytes: number(row.bytes),
        control: row.control.map(holder_out),
        freed: row.freed,
        leases: row.leases.into_iter().map(lease_out).collect(),
        has_more_leases: row.has_more_leases,
        given_by: row.given_by.map(call_out),
    }
}

pub(super) fn refused(refusal: Refusal) -> idl::Refused {
    let code = i16::try_from(refusal.code()).unwrap_or(i16::MAX);
    idl::Refused { code, detail: number(refusal.detail()), reason: refusal.to_string() }
}

pub(super) fn metrics_out(metrics: Metrics) -> idl::Metrics {
    let done = metrics.operations;
    let operations = [("alloc", done.allocs), ("read", done.reads), ("write", done.writes), ("free", done.frees)];
    let by_name = |(name, count): (&str, u64)| (name.to_owned(), number(count));
    idl::Metrics {
        capacity_bytes: number(metrics.capacity_bytes),
        used_bytes: number(metrics.used_bytes),
        pinned_bytes: number(metrics.pinned_bytes),
        objects: number(metrics.objects),
        clients: number(metrics.clients),
        staged: number(metrics.staged),
        waiting: number(metrics.waiting),
        leases: number(metrics.leases),
        snapshots: number(metrics.snapshots),
        operations: operations.into_iter().map(by_name).collect::<BTreeMap<_, _>>(),
        read_bytes: number(metrics.read_bytes),
        written_bytes: number(metrics.written_bytes),
        duplicates: number(metrics.duplicates),
        controls: number(metrics.controls),
        refusals: metrics.refusals.into_iter().map(by_name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Node;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn calls_and_objects_go_out_and_come_back(client: u64, rpc: u64, bits: u64) {
            let key = CallKey { client, rpc };
            let lease = lease_out((key, Holder { node: Node([0; 16].into()), incarnation: 1 }));
            prop_assert_eq!(call(&lease.call), key);
            let config = Config::default();
            let id = ObjectId::from_bits(bits);
            prop_assert_eq!(object(pointer(id, &config), &config), Ok(id));
        }
    }

    #[test]
    fn what_makes_no_sense_is_malformed() {
        assert!(stamp(&idl::Stamp { term: -1, sequence: 1 }).is_err());
        let config = Config { server: 2, ..Config::default() };
        let other = pointer(ObjectId::from_bits(1), &Config::default());
        assert!(object(other, &config).unwrap_err().reason.contains("m2"));
        assert!(object(Ptr::from_bytes([1; 16]), &config).is_err());
    }
}
