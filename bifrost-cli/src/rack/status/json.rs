//! A rack's status for programs.

use super::View;
use bifrost_rpc::wire::Pointer;
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::{Instance, Lease, Life, Node, Object, RunningCall};
use serde_json::{Value, json};

/// The whole value.
pub(super) fn of(view: &View) -> Value {
    let status = &view.status;
    json!({
        "term": status.term.cast_unsigned(),
        "ready": status.is_ready,
        "fault": status.fault,
        "log_fault": status.log_fault,
        "nodes": status.nodes.iter().map(node).collect::<Vec<_>>(),
        "instances": status.instances.iter().map(instance).collect::<Vec<_>>(),
        "objects": { "count": status.objects, "first": view.objects.iter().map(object).collect::<Vec<_>>() },
        "calls": { "count": status.calls, "first": view.calls.iter().map(call).collect::<Vec<_>>() },
        "counters": status.counters,
        "verdicts": status.verdicts,
    })
}

fn node(node: &Node) -> Value {
    json!({
        "name": node.name,
        "kind": node.kind,
        "state": node.state,
        "incarnation": node.incarnation,
        "port": node.port,
        "mac": node.mac,
        "addresses": node.addresses,
        "capacity": node.capacity,
        "specification": node.specification,
        "server": node.server,
        "boot": node.boot,
        "silent_ms": node.silent_ms,
    })
}

fn instance(of: &Instance) -> Value {
    json!({
        "instance": of.instance,
        "service": of.service,
        "node": of.node,
        "open": of.is_open,
        "serving": of.is_serving,
    })
}

fn life(of: &Life) -> Value {
    json!({ "node": of.node, "incarnation": of.incarnation })
}

fn name((client, rpc): (i64, i64)) -> Value {
    json!({ "client": client.cast_unsigned(), "rpc": rpc.cast_unsigned() })
}

fn object(object: &Object) -> Value {
    let lease = |lease: &Lease| {
        let call = name((lease.call.client, lease.call.rpc));
        json!({ "call": call, "callee": life(&lease.callee), "in_force": lease.is_in_force })
    };
    json!({
        "pointer": Pointer::from(object.pointer).to_string(),
        "control": object.control.as_ref().map(life),
        "freed": object.is_freed,
        "leases": object.leases.iter().map(lease).collect::<Vec<_>>(),
    })
}

fn call(of: &RunningCall) -> Value {
    json!({
        "call": name((of.call.client, of.call.rpc)),
        "session": of.session.cast_unsigned(),
        "instance": of.instance,
        "caller": of.caller.as_ref().map(life),
        "callee": life(&of.callee),
        "method": of.method,
        "oneway": of.is_oneway,
        "pointers": of.pointers.iter().map(|pointer| Pointer::from(*pointer).to_string()).collect::<Vec<_>>(),
        "stage": of.stage,
    })
}
