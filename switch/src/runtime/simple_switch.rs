//! The service `simple_switch`.

use super::handler::Runtime;
use super::idl::bmv2_simple_switch::{MirroringSessionConfig, SimpleSwitchSyncHandler};
use super::refused;
use crate::engine::Mirror;
use std::time::{SystemTime, UNIX_EPOCH};

/// What queue settings answer: they are taken, and there is no queue that they could change.
const TAKEN: i32 = 0;

impl Runtime {
    fn set_mirror(&self, session: i32, mirror: Mirror) -> bool {
        u16::try_from(session).is_ok_and(|session| self.engine().with(|engine| engine.set_mirror(session, mirror)))
    }

    fn delete_mirror(&self, session: i32) -> bool {
        u16::try_from(session).is_ok_and(|session| self.engine().with(|engine| engine.delete_mirror(session)))
    }

    fn mirror(&self, session: i32) -> Option<Mirror> {
        let session = u16::try_from(session).ok()?;
        self.engine().with(|engine| engine.mirror(session))
    }
}

fn port(port: i32) -> thrift::Result<u32> {
    u32::try_from(port).map_err(|_| refused::because(format!("{port} is no port")))
}

fn group(group: i32) -> thrift::Result<u16> {
    u16::try_from(group).map_err(|_| refused::because(format!("{group} is no multicast group")))
}

impl SimpleSwitchSyncHandler for Runtime {
    fn handle_mirroring_mapping_add(&self, mirror_id: i32, egress_port: i32) -> thrift::Result<i32> {
        let mirror = Mirror { port: Some(port(egress_port)?), group: None };
        Ok(self.set_mirror(mirror_id, mirror).into())
    }

    fn handle_mirroring_mapping_delete(&self, mirror_id: i32) -> thrift::Result<i32> {
        Ok(self.delete_mirror(mirror_id).into())
    }

    fn handle_mirroring_mapping_get_egress_port(&self, mirror_id: i32) -> thrift::Result<i32> {
        let port = self.mirror(mirror_id).and_then(|mirror| mirror.port);
        Ok(port.map_or(-1, |port| i32::try_from(port).unwrap_or(-1)))
    }

    fn handle_mirroring_session_add(&self, mirror_id: i32, config: MirroringSessionConfig) -> thrift::Result<()> {
        let mirror = Mirror { port: config.port.map(port).transpose()?, group: config.mgid.map(group).transpose()? };
        if self.set_mirror(mirror_id, mirror) { Ok(()) } else { Err(refused::no_session()) }
    }

    fn handle_mirroring_session_delete(&self, mirror_id: i32) -> thrift::Result<()> {
        if self.delete_mirror(mirror_id) { Ok(()) } else { Err(refused::no_session()) }
    }

    fn handle_mirroring_session_get(&self, mirror_id: i32) -> thrift::Result<MirroringSessionConfig> {
        let mirror = self.mirror(mirror_id).ok_or_else(refused::no_session)?;
        Ok(MirroringSessionConfig {
            port: mirror.port.map(|port| i32::try_from(port).unwrap_or(i32::MAX)),
            mgid: mirror.group.map(i32::from),
        })
    }

    fn handle_set_egress_priority_queue_depth(&self, _port: i32, _priority: i32, _depth: i32) -> thrift::Result<i32> {
        Ok(TAKEN)
    }

    fn handle_set_egress_queue_depth(&self, _port: i32, _depth: i32) -> thrift::Result<i32> {
        Ok(TAKEN)
    }

    fn handle_set_all_egress_queue_depths(&self, _depth: i32) -> thrift::Result<i32> {
        Ok(TAKEN)
    }

    fn handle_set_egress_priority_queue_rate(&self, _port: i32, _priority: i32, _rate: i64) -> thrift::Result<i32> {
        Ok(TAKEN)
    }

    fn handle_set_egress_queue_rate(&self, _port: i32, _rate: i64) -> thrift::Result<i32> {
        Ok(TAKEN)
    }

    fn handle_set_all_egress_queue_rates(&self, _rate: i64) -> thrift::Result<i32> {
        Ok(TAKEN)
    }

    fn handle_get_time_elapsed_us(&self) -> thrift::Result<i64> {
        Ok(i64::try_from(self.engine().now()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the call asks for the machine's clock")]
    fn handle_get_time_since_epoch_us(&self) -> thrift::Result<i64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}
