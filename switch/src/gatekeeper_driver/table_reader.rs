//! Reading a memory server's whole table, on a thread of its own: it happens when a control plane or a memory server begins, and takes many calls.

use crate::gatekeeper::{Holder, ServerObject, ServerTable};
use crate::idl::memory_control::{
    Call, FIRST_OBJECT, Holder as HolderIn, Lease, MemoryControlClient, PAGE_MAX, Row, TMemoryControlSyncClient,
};
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::{Channel, thrift};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Before the table of a server that did not answer is asked for again, in steps of which each looks whether that is still wanted.
const PAUSE: Duration = Duration::from_millis(50);

/// Ends a reading when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Reading(Arc<AtomicBool>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads a table and tells it page by page; from the start where a call fails.
///
/// # Errors
///
/// No thread can be started.
pub(super) fn read(channel: Channel, mut tell: impl FnMut(ServerTable) + Send + 'static) -> io::Result<Reading> {
    let reading = Reading::default();
    let is_over = Arc::clone(&reading.0);
    let run = move || {
        let mut client = MemoryControlClient::new(channel);
        while !is_over.load(Ordering::Acquire) {
            match pages(&mut client) {
                Ok(pages) => {
                    pages.into_iter().for_each(&mut tell);
                    return;
                }
                Err(_) => pause(),
            }
        }
    };
    std::thread::Builder::new().name("bifrost-table".into()).spawn(run)?;
    Ok(reading)
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, which has nothing else to do")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// All pages. Nothing changes meanwhile but what the reader lets change, so that they fit together.
fn pages(client: &mut MemoryControlClient) -> thrift::Result<Vec<ServerTable>> {
    let info = client.info()?;
    let boot = u32::try_from(info.boot).unwrap_or(0);
    let newest = info.newest.map_or(0, |newest| Pointer::from(newest).object());
    let mut ended: Vec<_> = client.ended()?.iter().filter_map(holder).map(|of| (of.node, of.incarnation)).collect();
    let (mut pages, mut after) = (Vec::new(), Some(FIRST_OBJECT));
    while let Some(from) = after {
        let page = client.table(from, PAGE_MAX)?;
        after = page.next;
        let objects = page.objects.into_iter().map(|row| object(client, row)).collect::<thrift::Result<_>>()?;
        pages.push(ServerTable { boot, newest, objects, ended: std::mem::take(&mut ended), more: after.is_some() });
    }
    Ok(pages)
}

fn object(client: &mut MemoryControlClient, row: Row) -> thrift::Result<ServerObject> {
    let mut leases: Vec<_> = row.leases.iter().filter_map(lease).collect();
    let mut last = row.leases.last().map(|lease| lease.call.clone()).filter(|_| row.has_more_leases);
    while let Some(after) = last {
        let more = client.leases(row.object, after, PAGE_MAX)?;
        leases.extend(more.iter().filter_map(lease));
        last = more.last().map(|lease| lease.call.clone());
    }
    let control = row.control.as_ref().and_then(holder).map(|of| (of.node, of.incarnation));
    let given_by = row.given_by.as_ref().map(call);
    Ok(ServerObject { pointer: Pointer::from(row.object), control, freed: row.freed, leases, given_by })
}

fn lease(lease: &Lease) -> Option<((u64, u64), (Ipv6Addr, u32))> {
    let to = holder(&lease.callee)?;
    Some((call(&lease.call), (to.node, to.incarnation)))
}

fn call(of: &Call) -> (u64, u64) {
    (of.client.cast_unsigned(), of.rpc.cast_unsigned())
}

/// Who somebody is; `None` for what is no node of a rack.
fn holder(of: &HolderIn) -> Option<Holder> {
    let node = match of.node.parse().ok()? {
        IpAddr::V6(node) => node,
        IpAddr::V4(_) => return None,
    };
    Some(Holder { node, incarnation: u32::try_from(of.incarnation).ok()? })
}
