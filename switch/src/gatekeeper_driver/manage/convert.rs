//! Views as the service tells them.

use super::idl::gatekeeper as idl;
use crate::gatekeeper::calls::{ObjectView, RunningCall, Stage};
use crate::gatekeeper::{CallKey, Gatekeeper, Holder, Instance, Resource, ResourceState};
use crate::rules::rack::Mac;
use bifrost_rpc::wire::MethodField;
use bifrost_rpc::wire::control::NodeKind;

pub(super) fn node_out(node: Resource) -> idl::Node {
    idl::Node {
        name: node.name,
        kind: kind(node.kind),
        state: state_name(node.state).to_owned(),
        incarnation: node.incarnation.into(),
        port: node.port.into(),
        mac: Mac(node.mac).to_string(),
        addresses: node.addresses.iter().map(ToString::to_string).collect(),
        capacity: i64::try_from(node.capacity).unwrap_or(i64::MAX),
        specification: node.specification,
        server: node.memory.map(|memory| memory.server.into()),
        boot: node.memory.map(|memory| memory.boot.into()),
        silent_ms: i64::try_from(node.silence.as_millis()).unwrap_or(i64::MAX),
    }
}

/// A state's name, for people.
pub(super) const fn state_name(state: ResourceState) -> &'static str {
    match state {
        ResourceState::Joining => "joining",
        ResourceState::Free => "free",
        ResourceState::InUse => "in use",
        ResourceState::Suspected => "suspected",
        ResourceState::Failed => "failed",
        ResourceState::Left => "left",
    }
}

fn kind(kind: NodeKind) -> String {
    match kind {
        NodeKind::Compute => "compute".to_owned(),
        NodeKind::Memory => "memory".to_owned(),
        NodeKind::Network => "network".to_owned(),
        NodeKind::Storage => "storage".to_owned(),
        NodeKind::Other(number) => number.to_string(),
    }
}

pub(super) fn instance_out(service: &str, found: Instance) -> idl::Instance {
    idl::Instance {
        instance: found.instance.into(),
        service: service.to_owned(),
        node: found.node,
        is_open: found.is_open,
        is_serving: found.is_serving,
    }
}

pub(super) fn object_out(gatekeeper: &Gatekeeper, object: ObjectView) -> idl::Object {
    let lease = |(key, callee, is_in_force)| {
        let (call, callee) = (call(key), life(gatekeeper, callee));
        idl::Lease { call, callee, is_in_force }
    };
    idl::Object {
        pointer: object.pointer.into(),
        control: object.control.map(|holder| life(gatekeeper, holder)),
        is_freed: object.is_freed,
        leases: object.leases.into_iter().map(lease).collect(),
    }
}

pub(super) fn running_out(gatekeeper: &Gatekeeper, running: RunningCall) -> idl::RunningCall {
    idl::RunningCall {
        call: call(running.call),
        session: running.session.cast_signed(),
        instance: running.instance.into(),
        caller: running.caller.map(|holder| life(gatekeeper, holder)),
        callee: life(gatekeeper, running.callee),
        method: method(running.method),
        is_oneway: running.is_oneway,
        pointers: running.pointers.into_iter().map(Into::into).collect(),
        stage: stage(running.stage).to_owned(),
    }
}

const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Held => "held",
        Stage::Released => "released",
        Stage::Answered => "answered",
        Stage::Ending => "ending",
    }
}

fn life(gatekeeper: &Gatekeeper, holder: Holder) -> idl::Life {
    let name = gatekeeper.node_at(holder.node).map_or_else(|| holder.node.to_string(), str::to_owned);
    idl::Life { node: name, incarnation: holder.incarnation.into() }
}

fn call((client, rpc): CallKey) -> idl::Call {
    idl::Call { client: client.cast_signed(), rpc: rpc.cast_signed() }
}

/// A method as packets name it: as it is, or its first 8 bytes and a hash.
fn method(field: MethodField) -> String {
    let (bytes, length) = (field.bytes(), usize::from(field.name_len()));
    match bytes.get(..length) {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => {
            let (name, hash) = bytes.split_at(8);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}…{hash}", String::from_utf8_lossy(name))
        }
    }
}
