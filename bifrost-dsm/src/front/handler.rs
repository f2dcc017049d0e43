//! What the control service does with a memory.

use super::convert::{call, holder_out, lease_out, metrics_out, object, objects, pointer};
use super::convert::{refused, row_out, stamp, stamp_out};
use super::idl::bifrost::Ptr;
use super::idl::memory_control as idl;
use super::nodes::Nodes;
use crate::access::CallKey;
use crate::config::Config;
use crate::control::Control;
use crate::daemon::SharedMemory;
use idl::{Call, Holder, Malformed, Stamp};

/// The service of one memory.
pub(super) struct Handler {
    memory: SharedMemory,
    config: Config,
    nodes: Nodes,
}

impl Handler {
    pub(super) fn new(memory: SharedMemory) -> Self {
        let config = memory.with(|memory| memory.config().clone());
        Self { memory, config, nodes: Nodes::default() }
    }

    /// Has a control message done.
    fn control(&self, at: Stamp, control: Result<Control, Malformed>) -> thrift::Result<i64> {
        let changed = self.memory.control(stamp(&at)?, &control?).map_err(refused)?.changed;
        Ok(i64::try_from(changed).unwrap_or(i64::MAX))
    }

    fn holder(&self, holder: &Holder) -> Result<crate::Holder, Malformed> {
        self.nodes.holder(holder)
    }

    fn object(&self, pointer: Ptr) -> Result<crate::ObjectId, Malformed> {
        object(pointer, &self.config)
    }
}

fn page(max: i32) -> usize {
    usize::try_from(max.clamp(1, idl::PAGE_MAX)).unwrap_or(1)
}

impl idl::MemoryControlSyncHandler for Handler {
    fn handle_grant(&self, at: Stamp, object: Ptr, to: Holder) -> thrift::Result<i64> {
        let control = || Ok(Control::Grant { object: self.object(object)?, to: self.holder(&to)? });
        self.control(at, control())
    }

    fn handle_revoke(&self, at: Stamp, object: Ptr, from: Holder) -> thrift::Result<i64> {
        let control = || Ok(Control::Revoke { object: self.object(object)?, from: self.holder(&from)? });
        self.control(at, control())
    }

    fn handle_reclaim(&self, at: Stamp, passed: Vec<Ptr>, from: Holder) -> thrift::Result<i64> {
        let control = || Ok(Control::Reclaim { objects: objects(&passed, &self.config)?, from: self.holder(&from)? });
        self.control(at, control())
    }

    fn handle_lease(
        &self,
        at: Stamp,
        of: Call,
        caller: Holder,
        callee: Holder,
        passed: Vec<Ptr>,
    ) -> thrift::Result<i64> {
        let control = || {
            let objects = objects(&passed, &self.config)?;
            Ok(Control::Lease {
                call: call(&of),
                caller: self.holder(&caller)?,
                callee: self.holder(&callee)?,
                objects,
            })
        };
        self.control(at, control())
    }

    fn handle_release(&self, at: Stamp, of: Call) -> thrift::Result<i64> {
        self.control(at, Ok(Control::Release { call: call(&of) }))
    }

    fn handle_reply(&self, at: Stamp, of: Call, from: Holder, to: Holder, returned: Vec<Ptr>) -> thrift::Result<i64> {
        let control = || {
            let returned = objects(&returned, &self.config)?;
            Ok(Control::Reply { call: call(&of), from: self.holder(&from)?, to: self.holder(&to)?, returned })
        };
        self.control(at, control())
    }

    fn handle_succeed(&self, at: Stamp, from: Holder, to: Holder) -> thrift::Result<i64> {
        let control = || Ok(Control::Succeed { from: self.holder(&from)?, to: self.holder(&to)? });
        self.control(at, control())
    }

    fn handle_end_incarnation(&self, at: Stamp, gone: Holder) -> thrift::Result<i64> {
        self.control(at, self.holder(&gone).map(|holder| Control::EndIncarnation { holder }))
    }

    fn handle_cleanup(&self, at: Stamp, gone: Holder) -> thrift::Result<i64> {
        self.control(at, self.holder(&gone).map(|holder| Control::Cleanup { holder }))
    }

    fn handle_snapshot(&self, at: Stamp, id: i64, of: Vec<Ptr>) -> thrift::Result<i64> {
        let id = id.cast_unsigned();
        self.control(at, objects(&of, &self.config).map(|objects| Control::Snapshot { id, objects }))
    }

    fn handle_restore(&self, at: Stamp, id: i64) -> thrift::Result<i64> {
        self.control(at, Ok(Control::Restore { id: id.cast_unsigned() }))
    }

    fn handle_drop(&self, at: Stamp, id: i64) -> thrift::Result<i64> {
        self.control(at, Ok(Control::DropSnapshot { id: id.cast_unsigned() }))
    }

    fn handle_table(&self, after: Ptr, max: i32) -> thrift::Result<idl::Page> {
        let after = if after == idl::FIRST_OBJECT { None } else { Some(self.object(after)?) };
        let found = self.memory.with(|memory| memory.export(after, page(max)));
        Ok(idl::Page {
            last: stamp_out(found.last),
            objects: found.objects.into_iter().map(|row| row_out(row, &self.config)).collect(),
            next: found.next.map(|object| pointer(object, &self.config)),
        })
    }

    fn handle_leases(&self, object: Ptr, after: Call, max: i32) -> thrift::Result<Vec<idl::Lease>> {
        let (object, after) = (self.object(object)?, call(&after));
        let after = Some(after).filter(|after| *after != CallKey { client: 0, rpc: 0 });
        let found = self.memory.with(|memory| memory.leases(object, after, page(max)));
        Ok(found.into_iter().map(lease_out).collect())
    }

    fn handle_ended(&self) -> thrift::Result<Vec<Holder>> {
        Ok(self.memory.with(|memory| memory.ended()).into_iter().map(holder_out).collect())
    }

    fn handle_snapshots(&self) -> thrift::Result<Vec<idl::Snapshot>> {
        let found = self.memory.with(|memory| memory.snapshots());
        let objects = |objects: Vec<_>| objects.into_iter().map(|object| pointer(object, &self.config)).collect();
        Ok(found.into_iter().map(|(id, of)| idl::Snapshot { id: id.cast_signed(), objects: objects(of) }).collect())
    }

    fn handle_metrics(&self) -> thrift::Result<idl::Metrics> {
        Ok(metrics_out(self.memory.metrics()))
    }

    fn handle_info(&self) -> thrift::Result<idl::Info> {
        Ok(idl::Info {
            server: i16::from(self.config.server),
            prefix: i16::from(self.config.prefix),
            boot: i64::from(self.config.boot),
            open: self.config.open,
            last: stamp_out(self.memory.with(|memory| memory.last_control())),
            newest: Some(pointer(self.memory.with(|memory| memory.newest()), &self.config)),
        })
    }
}
