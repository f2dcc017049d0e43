//! A client of the runtime API: of this switch in another process, or of BMv2's.

use super::control::{Answer, ControlError, SwitchControl, Update};
use super::convert as to;
use super::idl::bmv2_simple_pre_lag::{SimplePreLagClient, TSimplePreLagSyncClient};
use super::idl::bmv2_simple_switch::{MirroringSessionConfig, SimpleSwitchClient, TSimpleSwitchSyncClient};
use super::idl::bmv2_standard::{BmAddEntryOptions, StandardClient, TStandardSyncClient};
use super::{listing, server};
use crate::engine::{Count, Entry, EntryAction, Mirror, Node};
use bifrost_rpc::{Channel, ConnectError, Pending};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Calls that are under way at a time: more would gain nothing, and their answers have to fit in the socket's buffers.
const IN_FLIGHT_MAX: usize = 256;
/// Time for one call.
const DEADLINE: Duration = Duration::from_secs(30);
/// The only context there is.
const CONTEXT: i32 = 0;

/// A switch behind the runtime API. Clones share its connection.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
}

/// A change that is under way.
enum Change {
    Added(Pending<i32>),
    Made(Pending<()>),
}

impl Client {
    /// A client of a switch at `tcp://HOST:PORT` or `unix:///PATH`. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// The address is none of these.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        let url = url.split_once('?').map_or(url, |(place, _)| place);
        let url = format!("{url}?transport=buffered&multiplexed=true");
        let channel = Channel::builder().limits(server::CLIENT_LIMITS).deadline(DEADLINE).connect(&url)?;
        Ok(Self { channel })
    }

    /// A client over a channel that leads to the three services.
    #[must_use]
    pub fn over(channel: Channel) -> Self {
        Self { channel }
    }

    fn standard(&self) -> StandardClient {
        StandardClient::new(self.channel.clone())
    }

    fn simple_switch(&self) -> SimpleSwitchClient {
        SimpleSwitchClient::new(self.channel.clone())
    }

    fn multicast(&self) -> SimplePreLagClient {
        SimplePreLagClient::new(self.channel.clone())
    }
}

impl Change {
    fn start(client: &mut StandardClient, update: &Update) -> thrift::Result<Self> {
        Ok(match update.clone() {
            Update::Add { table, key, priority, action } => {
                let (key, options) = (to::key_out(key), BmAddEntryOptions { priority: Some(priority) });
                Self::Added(match action {
                    EntryAction::Action { name, data } => {
                        client.start_bm_mt_add_entry(CONTEXT, table, key, name, data, options)?
                    }
                    EntryAction::Member(member) => {
                        client.start_bm_mt_indirect_add_entry(CONTEXT, table, key, member.cast_signed(), options)?
                    }
                    EntryAction::Group(group) => {
                        client.start_bm_mt_indirect_ws_add_entry(CONTEXT, table, key, group.cast_signed(), options)?
                    }
                })
            }
            Update::Modify { table, handle, action } => Self::Made(Self::modify(client, table, handle, action)?),
            Update::Delete { table, handle } => {
                Self::Made(client.start_bm_mt_delete_entry(CONTEXT, table, handle.cast_signed())?)
            }
            Update::DeleteIndirect { table, handle } => {
                Self::Made(client.start_bm_mt_indirect_delete_entry(CONTEXT, table, handle.cast_signed())?)
            }
            Update::SetDefault { table, action } => Self::Made(match action {
                EntryAction::Action { name, data } => {
                    client.start_bm_mt_set_default_action(CONTEXT, table, name, data)?
                }
                EntryAction::Member(member) => {
                    client.start_bm_mt_indirect_set_default_member(CONTEXT, table, member.cast_signed())?
                }
                EntryAction::Group(group) => {
                    client.start_bm_mt_indirect_ws_set_default_group(CONTEXT, table, group.cast_signed())?
                }
            }),
            Update::ResetDefault { table } => Self::Made(client.start_bm_mt_reset_default_entry(CONTEXT, table)?),
            Update::ResetDefaultIndirect { table } => {
                Self::Made(client.start_bm_mt_indirect_reset_default_entry(CONTEXT, table)?)
            }
        })
    }

    fn modify(
        client: &mut StandardClient,
        table: String,
        handle: u32,
        action: EntryAction,
    ) -> thrift::Result<Pending<()>> {
        let handle = handle.cast_signed();
        match action {
            EntryAction::Action { name, data } => client.start_bm_mt_modify_entry(CONTEXT, table, handle, name, data),
            EntryAction::Member(member) => {
                client.start_bm_mt_indirect_modify_entry(CONTEXT, table, handle, member.cast_signed())
            }
            EntryAction::Group(group) => {
                client.start_bm_mt_indirect_ws_modify_entry(CONTEXT, table, handle, group.cast_signed())
            }
        }
    }

    fn wait(self) -> thrift::Result<Option<u32>> {
        match self {
            Self::Added(pending) => pending.wait().map(|handle| Some(handle.cast_unsigned())),
            Self::Made(pending) => pending.wait().map(|()| None),
        }
    }
}

/// An index as the wire has it.
fn index(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

impl SwitchControl for Client {
    fn apply(&self, updates: &[Update]) -> Vec<Answer<Option<u32>>> {
        let mut client = self.standard();
        let mut under_way = VecDeque::with_capacity(IN_FLIGHT_MAX);
        let mut answers = Vec::with_capacity(updates.len());
        let finish = |change: thrift::Result<Change>| Ok(change?.wait()?);
        for update in updates {
            if under_way.len() == IN_FLIGHT_MAX {
                answers.extend(under_way.pop_front().map(finish));
            }
            under_way.push_back(Change::start(&mut client, update));
        }
        answers.extend(under_way.into_iter().map(finish));
        answers
    }

    fn entries(&self, table: &str) -> Answer<Vec<Entry>> {
        let entries = self.standard().bm_mt_get_entries(CONTEXT, table.to_owned())?;
        let entry = |entry| to::entry_in(entry).ok_or(ControlError::BadAnswer("an entry without its action"));
        entries.into_iter().map(entry).collect()
    }

    fn default_action(&self, table: &str) -> Answer<Option<EntryAction>> {
        Ok(to::action_in(self.standard().bm_mt_get_default_entry(CONTEXT, table.to_owned())?))
    }

    fn entry_count(&self, table: &str) -> Answer<u64> {
        Ok(self.standard().bm_mt_get_num_entries(CONTEXT, table.to_owned())?.cast_unsigned())
    }

    fn clear(&self, table: &str) -> Answer<()> {
        Ok(self.standard().bm_mt_clear_entries(CONTEXT, table.to_owned(), false)?)
    }

    fn count(&self, table: &str, handle: u32) -> Answer<Count> {
        let count = self.standard().bm_mt_read_counter(CONTEXT, table.to_owned(), handle.cast_signed())?;
        Ok(to::count(&count))
    }

    fn add_member(&self, profile: &str, action: &str, data: &[Vec<u8>]) -> Answer<u32> {
        let (profile, action, data) = (profile.to_owned(), action.to_owned(), data.to_vec());
        Ok(self.standard().bm_mt_act_prof_add_member(CONTEXT, profile, action, data)?.cast_unsigned())
    }

    fn delete_member(&self, profile: &str, member: u32) -> Answer<()> {
        Ok(self.standard().bm_mt_act_prof_delete_member(CONTEXT, profile.to_owned(), member.cast_signed())?)
    }

    fn create_member_group(&self, profile: &str) -> Answer<u32> {
        Ok(self.standard().bm_mt_act_prof_create_group(CONTEXT, profile.to_owned())?.cast_unsigned())
    }

    fn delete_member_group(&self, profile: &str, group: u32) -> Answer<()> {
        Ok(self.standard().bm_mt_act_prof_delete_group(CONTEXT, profile.to_owned(), group.cast_signed())?)
    }

    fn join(&self, profile: &str, member: u32, group: u32) -> Answer<()> {
        let (member, group) = (member.cast_signed(), group.cast_signed());
        Ok(self.standard().bm_mt_act_prof_add_member_to_group(CONTEXT, profile.to_owned(), member, group)?)
    }

    fn leave(&self, profile: &str, member: u32, group: u32) -> Answer<()> {
        let (member, group) = (member.cast_signed(), group.cast_signed());
        Ok(self.standard().bm_mt_act_prof_remove_member_from_group(CONTEXT, profile.to_owned(), member, group)?)
    }

    fn counter(&self, array: &str, at: u32) -> Answer<Count> {
        Ok(to::count(&self.standard().bm_counter_read(CONTEXT, array.to_owned(), index(at))?))
    }

    fn register(&self, array: &str, at: u32) -> Answer<i64> {
        Ok(self.standard().bm_register_read(CONTEXT, array.to_owned(), index(at))?)
    }

    fn set_register(&self, array: &str, at: u32, value: i64) -> Answer<()> {
        Ok(self.standard().bm_register_write(CONTEXT, array.to_owned(), index(at), value)?)
    }

    fn reset_registers(&self, array: &str) -> Answer<()> {
        Ok(self.standard().bm_register_reset(CONTEXT, array.to_owned())?)
    }

    fn reset_counters(&self, array: &str) -> Answer<()> {
        Ok(self.standard().bm_counter_reset_all(CONTEXT, array.to_owned())?)
    }

    fn set_mirror(&self, session: u16, to: Mirror) -> Answer<()> {
        let config = MirroringSessionConfig { port: to.port.map(index), mgid: to.group.map(i32::from) };
        Ok(self.simple_switch().mirroring_session_add(session.into(), config)?)
    }

    fn delete_mirror(&self, session: u16) -> Answer<()> {
        Ok(self.simple_switch().mirroring_session_delete(session.into())?)
    }

    fn mirror(&self, session: u16) -> Answer<Mirror> {
        let found = self.simple_switch().mirroring_session_get(session.into())?;
        let port = found.port.and_then(|port| u32::try_from(port).ok());
        Ok(Mirror { port, group: found.mgid.and_then(|group| u16::try_from(group).ok()) })
    }

    fn create_group(&self, group: u16) -> Answer<()> {
        self.multicast().bm_mc_mgrp_create(CONTEXT, group.into())?;
        Ok(())
    }

    fn destroy_group(&self, group: u16) -> Answer<()> {
        Ok(self.multicast().bm_mc_mgrp_destroy(CONTEXT, group.into())?)
    }

    fn create_node(&self, rid: u16, ports: &BTreeSet<u32>) -> Answer<u32> {
        let node = self.multicast().bm_mc_node_create(CONTEXT, rid.into(), listing::map(ports)?, String::new())?;
        Ok(node.cast_unsigned())
    }

    fn update_node(&self, node: u32, ports: &BTreeSet<u32>) -> Answer<()> {
        Ok(self.multicast().bm_mc_node_update(CONTEXT, node.cast_signed(), listing::map(ports)?, String::new())?)
    }

    fn destroy_node(&self, node: u32) -> Answer<()> {
        Ok(self.multicast().bm_mc_node_destroy(CONTEXT, node.cast_signed())?)
    }

    fn associate(&self, group: u16, node: u32) -> Answer<()> {
        Ok(self.multicast().bm_mc_node_associate(CONTEXT, group.into(), node.cast_signed())?)
    }

    fn nodes(&self) -> Answer<Vec<(u32, Node)>> {
        let listed = self.multicast().bm_mc_get_entries(CONTEXT)?;
        listing::nodes(&listed).ok_or(ControlError::BadAnswer("no list of multicast nodes"))
    }

    fn program(&self) -> Answer<String> {
        let json = self.standard().bm_get_config()?;
        String::from_utf8(json).map_err(|_| ControlError::BadAnswer("a program that is no text"))
    }

    fn program_md5(&self) -> Answer<Vec<u8>> {
        Ok(self.standard().bm_get_config_md5()?)
    }

    fn load_program(&self, json: &str) -> Answer<()> {
        Ok(self.standard().bm_load_new_config(json.to_owned())?)
    }

    fn swap_programs(&self) -> Answer<()> {
        Ok(self.standard().bm_swap_configs()?)
    }

    fn reset(&self) -> Answer<()> {
        Ok(self.standard().bm_reset_state()?)
    }

    fn set_queue_depths(&self, packets: u32) -> Answer<()> {
        self.simple_switch().set_all_egress_queue_depths(index(packets))?;
        Ok(())
    }

    fn elapsed_us(&self) -> Answer<u64> {
        Ok(self.simple_switch().get_time_elapsed_us()?.cast_unsigned())
    }
}
