//! The service `standard`: each call is one operation of the engine.

use super::config::{is_resource, md5};
use super::convert as to;
use super::handler::Runtime;
use super::idl::bmv2_standard as idl;
use super::{ports, refused, serialize};
use crate::engine::{ArrayError, Engine, EntryAction, LearnError, MeterError, TableError};
use idl::*;

/// Registers that one answer holds at most.
const REGISTERS_MAX: usize = 16 << 20;

/// An index into an array.
fn index(index: i32) -> Result<usize, ArrayError> {
    usize::try_from(index).map_err(|_| ArrayError::InvalidIndex)
}

fn member(handle: BmMemberHandle) -> EntryAction {
    EntryAction::Member(handle.cast_unsigned())
}

fn group(handle: BmGroupHandle) -> EntryAction {
    EntryAction::Group(handle.cast_unsigned())
}

fn no_ageing(engine: &Engine, table: &str) -> Result<(), TableError> {
    engine.table_len(table)?;
    Err(TableError::AgeingDisabled)
}

impl StandardSyncHandler for Runtime {
    fn handle_bm_mt_get_num_entries(&self, cxt_id: i32, table_name: String) -> thrift::Result<i64> {
        let entries = self.table(cxt_id, |engine| engine.table_len(&table_name))?;
        Ok(i64::try_from(entries).unwrap_or(i64::MAX))
    }

    fn handle_bm_mt_clear_entries(
        &self,
        cxt_id: i32,
        table_name: String,
        reset_default_entry: bool,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_clear(&table_name, reset_default_entry))
    }

    fn handle_bm_mt_add_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        match_key: BmMatchParams,
        action_name: String,
        action_data: BmActionData,
        options: BmAddEntryOptions,
    ) -> thrift::Result<BmEntryHandle> {
        let key = to::key(match_key);
        let priority = to::priority(&options);
        let added =
            self.table(cxt_id, |engine| engine.table_add(&table_name, &key?, &action_name, &action_data, priority));
        Ok(added?.cast_signed())
    }

    fn handle_bm_mt_set_default_action(
        &self,
        cxt_id: i32,
        table_name: String,
        action_name: String,
        action_data: BmActionData,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_set_default(&table_name, &action_name, &action_data))
    }

    fn handle_bm_mt_reset_default_entry(&self, cxt_id: i32, table_name: String) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_reset_default(&table_name))
    }

    fn handle_bm_mt_delete_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_delete(&table_name, entry_handle.cast_unsigned()))
    }

    fn handle_bm_mt_modify_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
        action_name: String,
        action_data: BmActionData,
    ) -> thrift::Result<()> {
        let handle = entry_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.table_modify(&table_name, handle, &action_name, &action_data))
    }

    fn handle_bm_mt_set_entry_ttl(
        &self,
        cxt_id: i32,
        table_name: String,
        _entry_handle: BmEntryHandle,
        _timeout_ms: i32,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| no_ageing(engine, &table_name))
    }

    fn handle_bm_mt_act_prof_add_member(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        action_name: String,
        action_data: BmActionData,
    ) -> thrift::Result<BmMemberHandle> {
        let add = |engine: &mut Engine| engine.profile_add_member(&act_prof_name, &action_name, &action_data);
        Ok(self.table(cxt_id, add)?.cast_signed())
    }

    fn handle_bm_mt_act_prof_delete_member(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        mbr_handle: BmMemberHandle,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.profile_delete_member(&act_prof_name, mbr_handle.cast_unsigned()))
    }

    fn handle_bm_mt_act_prof_modify_member(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        mbr_handle: BmMemberHandle,
        action_name: String,
        action_data: BmActionData,
    ) -> thrift::Result<()> {
        let member = mbr_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.profile_modify_member(&act_prof_name, member, &action_name, &action_data))
    }

    fn handle_bm_mt_act_prof_create_group(&self, cxt_id: i32, act_prof_name: String) -> thrift::Result<BmGroupHandle> {
        Ok(self.table(cxt_id, |engine| engine.profile_create_group(&act_prof_name))?.cast_signed())
    }

    fn handle_bm_mt_act_prof_delete_group(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        grp_handle: BmGroupHandle,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.profile_delete_group(&act_prof_name, grp_handle.cast_unsigned()))
    }

    fn handle_bm_mt_act_prof_add_member_to_group(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        mbr_handle: BmMemberHandle,
        grp_handle: BmGroupHandle,
    ) -> thrift::Result<()> {
        let (member, group) = (mbr_handle.cast_unsigned(), grp_handle.cast_unsigned());
        self.table(cxt_id, |engine| engine.profile_join(&act_prof_name, member, group))
    }

    fn handle_bm_mt_act_prof_remove_member_from_group(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        mbr_handle: BmMemberHandle,
        grp_handle: BmGroupHandle,
    ) -> thrift::Result<()> {
        let (member, group) = (mbr_handle.cast_unsigned(), grp_handle.cast_unsigned());
        self.table(cxt_id, |engine| engine.profile_leave(&act_prof_name, member, group))
    }

    fn handle_bm_mt_act_prof_get_members(
        &self,
        cxt_id: i32,
        act_prof_name: String,
    ) -> thrift::Result<Vec<BmMtActProfMember>> {
        let members = self.table(cxt_id, |engine| engine.profile_members(&act_prof_name))?;
        Ok(members.into_iter().map(to::member).collect())
    }

    fn handle_bm_mt_act_prof_get_member(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        mbr_handle: BmMemberHandle,
    ) -> thrift::Result<BmMtActProfMember> {
        let member = mbr_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.profile_member(&act_prof_name, member)).map(to::member)
    }

    fn handle_bm_mt_act_prof_get_groups(
        &self,
        cxt_id: i32,
        act_prof_name: String,
    ) -> thrift::Result<Vec<BmMtActProfGroup>> {
        let groups = self.table(cxt_id, |engine| engine.profile_groups(&act_prof_name))?;
        Ok(groups.into_iter().map(to::group).collect())
    }

    fn handle_bm_mt_act_prof_get_group(
        &self,
        cxt_id: i32,
        act_prof_name: String,
        grp_handle: BmGroupHandle,
    ) -> thrift::Result<BmMtActProfGroup> {
        let group = grp_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.profile_group(&act_prof_name, group)).map(to::group)
    }

    fn handle_bm_mt_indirect_add_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        match_key: BmMatchParams,
        mbr_handle: BmMemberHandle,
        options: BmAddEntryOptions,
    ) -> thrift::Result<BmEntryHandle> {
        self.add_indirect(cxt_id, &table_name, match_key, &member(mbr_handle), &options)
    }

    fn handle_bm_mt_indirect_modify_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
        mbr_handle: BmMemberHandle,
    ) -> thrift::Result<()> {
        let (handle, to) = (entry_handle.cast_unsigned(), member(mbr_handle));
        self.table(cxt_id, |engine| engine.table_modify_indirect(&table_name, handle, &to))
    }

    fn handle_bm_mt_indirect_delete_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_delete(&table_name, entry_handle.cast_unsigned()))
    }

    fn handle_bm_mt_indirect_set_entry_ttl(
        &self,
        cxt_id: i32,
        table_name: String,
        _entry_handle: BmEntryHandle,
        _timeout_ms: i32,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| no_ageing(engine, &table_name))
    }

    fn handle_bm_mt_indirect_set_default_member(
        &self,
        cxt_id: i32,
        table_name: String,
        mbr_handle: BmMemberHandle,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_set_default_indirect(&table_name, &member(mbr_handle)))
    }

    fn handle_bm_mt_indirect_reset_default_entry(&self, cxt_id: i32, table_name: String) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_reset_default(&table_name))
    }

    fn handle_bm_mt_indirect_ws_add_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        match_key: BmMatchParams,
        grp_handle: BmGroupHandle,
        options: BmAddEntryOptions,
    ) -> thrift::Result<BmEntryHandle> {
        self.add_indirect(cxt_id, &table_name, match_key, &group(grp_handle), &options)
    }

    fn handle_bm_mt_indirect_ws_modify_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
        grp_handle: BmGroupHandle,
    ) -> thrift::Result<()> {
        let (handle, to) = (entry_handle.cast_unsigned(), group(grp_handle));
        self.table(cxt_id, |engine| engine.table_modify_indirect(&table_name, handle, &to))
    }

    fn handle_bm_mt_indirect_ws_set_default_group(
        &self,
        cxt_id: i32,
        table_name: String,
        grp_handle: BmGroupHandle,
    ) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_set_default_indirect(&table_name, &group(grp_handle)))
    }

    fn handle_bm_mt_read_counter(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
    ) -> thrift::Result<BmCounterValue> {
        let handle = entry_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.table_count(&table_name, handle)).map(to::count_out)
    }

    fn handle_bm_mt_reset_counters(&self, cxt_id: i32, table_name: String) -> thrift::Result<()> {
        self.table(cxt_id, |engine| engine.table_reset_counts(&table_name))
    }

    fn handle_bm_mt_write_counter(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
        value: BmCounterValue,
    ) -> thrift::Result<()> {
        let handle = entry_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.table_set_count(&table_name, handle, to::count(&value)))
    }

    fn handle_bm_mt_set_meter_rates(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
        rates: Vec<BmMeterRateConfig>,
    ) -> thrift::Result<()> {
        let (handle, rates) = (entry_handle.cast_unsigned(), to::rates(&rates));
        self.table(cxt_id, |engine| engine.table_set_meter(&table_name, handle, &rates.map_err(|_| TableError::Other)?))
    }

    fn handle_bm_mt_get_meter_rates(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
    ) -> thrift::Result<Vec<BmMeterRateConfig>> {
        let handle = entry_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.table_meter(&table_name, handle)).map(to::rates_out)
    }

    fn handle_bm_mt_get_entries(&self, cxt_id: i32, table_name: String) -> thrift::Result<Vec<BmMtEntry>> {
        let entries = self.table(cxt_id, |engine| engine.table_entries(&table_name))?;
        Ok(entries.into_iter().map(to::entry).collect())
    }

    fn handle_bm_mt_get_entry(
        &self,
        cxt_id: i32,
        table_name: String,
        entry_handle: BmEntryHandle,
    ) -> thrift::Result<BmMtEntry> {
        let handle = entry_handle.cast_unsigned();
        self.table(cxt_id, |engine| engine.table_entry(&table_name, handle)).map(to::entry)
    }

    fn handle_bm_mt_get_default_entry(&self, cxt_id: i32, table_name: String) -> thrift::Result<BmActionEntry> {
        self.table(cxt_id, |engine| to::default_action(engine.table_default(&table_name)))
    }

    fn handle_bm_mt_get_entry_from_key(
        &self,
        cxt_id: i32,
        table_name: String,
        match_key: BmMatchParams,
        options: BmAddEntryOptions,
    ) -> thrift::Result<BmMtEntry> {
        if match_key.is_empty() {
            return self.handle_bm_mt_get_default_entry(cxt_id, table_name).map(to::default_entry);
        }
        let (key, priority) = (to::key(match_key), to::priority(&options));
        self.table(cxt_id, |engine| engine.table_find(&table_name, &key?, priority)).map(to::entry)
    }

    fn handle_bm_counter_read(&self, cxt_id: i32, counter_name: String, idx: i32) -> thrift::Result<BmCounterValue> {
        self.counter(cxt_id, |engine| engine.counter(&counter_name, index(idx)?)).map(to::count_out)
    }

    fn handle_bm_counter_reset_all(&self, cxt_id: i32, counter_name: String) -> thrift::Result<()> {
        self.counter(cxt_id, |engine| engine.clear_counters(&counter_name))
    }

    fn handle_bm_counter_write(
        &self,
        cxt_id: i32,
        counter_name: String,
        idx: i32,
        value: BmCounterValue,
    ) -> thrift::Result<()> {
        self.counter(cxt_id, |engine| engine.set_counter(&counter_name, index(idx)?, to::count(&value)))
    }

    fn handle_bm_learning_ack(
        &self,
        cxt_id: i32,
        list_id: BmLearningListId,
        buffer_id: BmLearningBufferId,
        sample_ids: Vec<BmLearningSampleId>,
    ) -> thrift::Result<()> {
        let samples: Vec<usize> = sample_ids.into_iter().filter_map(|id| usize::try_from(id).ok()).collect();
        let buffer = buffer_id.cast_unsigned();
        self.learning(cxt_id, |engine| engine.acknowledge(to::list(list_id)?, buffer, Some(&samples)))
    }

    fn handle_bm_learning_ack_buffer(
        &self,
        cxt_id: i32,
        list_id: BmLearningListId,
        buffer_id: BmLearningBufferId,
    ) -> thrift::Result<()> {
        let buffer = buffer_id.cast_unsigned();
        self.learning(cxt_id, |engine| engine.acknowledge(to::list(list_id)?, buffer, None))
    }

    fn handle_bm_learning_set_timeout(
        &self,
        cxt_id: i32,
        list_id: BmLearningListId,
        timeout_ms: i32,
    ) -> thrift::Result<()> {
        self.learning(cxt_id, |engine| {
            let wait_ms = u64::try_from(timeout_ms).map_err(|_| LearnError::Other)?;
            engine.set_learn_wait(to::list(list_id)?, wait_ms.saturating_mul(1000))
        })
    }

    fn handle_bm_learning_set_buffer_size(
        &self,
        cxt_id: i32,
        list_id: BmLearningListId,
        nb_samples: i32,
    ) -> thrift::Result<()> {
        self.learning(cxt_id, |engine| {
            let samples = usize::try_from(nb_samples).map_err(|_| LearnError::Other)?;
            engine.set_learn_samples(to::list(list_id)?, samples)
        })
    }

    fn handle_bm_load_new_config(&self, config_str: String) -> thrift::Result<()> {
        self.load(&config_str)
    }

    fn handle_bm_swap_configs(&self) -> thrift::Result<()> {
        self.swap()
    }

    fn handle_bm_meter_array_set_rates(
        &self,
        cxt_id: i32,
        meter_array_name: String,
        rates: Vec<BmMeterRateConfig>,
    ) -> thrift::Result<()> {
        self.meter(cxt_id, |engine| engine.set_meters(&meter_array_name, &to::rates(&rates)?))
    }

    fn handle_bm_meter_set_rates(
        &self,
        cxt_id: i32,
        meter_array_name: String,
        idx: i32,
        rates: Vec<BmMeterRateConfig>,
    ) -> thrift::Result<()> {
        let index = usize::try_from(idx).map_err(|_| MeterError::InvalidIndex);
        self.meter(cxt_id, |engine| engine.set_meter(&meter_array_name, index?, &to::rates(&rates)?))
    }

    fn handle_bm_meter_get_rates(
        &self,
        cxt_id: i32,
        meter_array_name: String,
        idx: i32,
    ) -> thrift::Result<Vec<BmMeterRateConfig>> {
        let index = usize::try_from(idx).map_err(|_| MeterError::InvalidIndex);
        self.meter(cxt_id, |engine| engine.meter(&meter_array_name, index?)).map(to::rates_out)
    }

    fn handle_bm_register_read(
        &self,
        cxt_id: i32,
        register_array_name: String,
        idx: i32,
    ) -> thrift::Result<BmRegisterValue> {
        let read = |engine: &mut Engine| engine.register(&register_array_name, index(idx)? as u64);
        self.register(cxt_id, read).map(|bytes| to::register(&bytes))
    }

    fn handle_bm_register_read_all(
        &self,
        cxt_id: i32,
        register_array_name: String,
    ) -> thrift::Result<Vec<BmRegisterValue>> {
        let count = self.register(cxt_id, |engine| engine.register_count(&register_array_name))?;
        if count > REGISTERS_MAX {
            return Err(refused::register_code(RegisterOperationErrorCode::ERROR));
        }
        let read =
            |engine: &Engine, index| engine.register(&register_array_name, index).map(|bytes| to::register(&bytes));
        self.register(cxt_id, |engine| (0..count as u64).map(|index| read(engine, index)).collect())
    }

    fn handle_bm_register_write(
        &self,
        cxt_id: i32,
        register_array_name: String,
        idx: i32,
        value: BmRegisterValue,
    ) -> thrift::Result<()> {
        self.register(cxt_id, |engine| engine.set_register(&register_array_name, index(idx)? as u64, value))
    }

    fn handle_bm_register_write_range(
        &self,
        cxt_id: i32,
        register_array_name: String,
        start_index: i32,
        end_index: i32,
        value: BmRegisterValue,
    ) -> thrift::Result<()> {
        self.register(cxt_id, |engine| {
            let (start, end) = (index(start_index)?, index(end_index)?);
            if start > end || end > engine.register_count(&register_array_name)? {
                return Err(ArrayError::InvalidIndex);
            }
            (start..end).try_for_each(|index| engine.set_register(&register_array_name, index as u64, value))
        })
    }

    fn handle_bm_register_reset(&self, cxt_id: i32, register_array_name: String) -> thrift::Result<()> {
        self.register(cxt_id, |engine| engine.clear_registers(&register_array_name))
    }

    fn handle_bm_parse_vset_add(&self, cxt_id: i32, name: String, value: BmParseVSetValue) -> thrift::Result<()> {
        self.value_set(cxt_id, |engine| engine.set_add(&name, &value))
    }

    fn handle_bm_parse_vset_remove(&self, cxt_id: i32, name: String, value: BmParseVSetValue) -> thrift::Result<()> {
        self.value_set(cxt_id, |engine| engine.set_remove(&name, &value))
    }

    fn handle_bm_parse_vset_get(&self, cxt_id: i32, name: String) -> thrift::Result<Vec<BmParseVSetValue>> {
        self.value_set(cxt_id, |engine| engine.set_values(&name))
    }

    fn handle_bm_parse_vset_clear(&self, cxt_id: i32, name: String) -> thrift::Result<()> {
        self.value_set(cxt_id, |engine| engine.set_clear(&name))
    }

    fn handle_bm_dev_mgr_add_port(&self, iface_name: String, port_num: i32, pcap_path: String) -> thrift::Result<()> {
        let capture = Some(pcap_path.as_str()).filter(|path| !path.is_empty());
        let added = ports::number(port_num).and_then(|number| self.ports().add(number, &iface_name, capture));
        added.map_err(|_| refused::ports())
    }

    fn handle_bm_dev_mgr_remove_port(&self, port_num: i32) -> thrift::Result<()> {
        ports::number(port_num).and_then(|number| self.ports().remove(number)).map_err(|_| refused::ports())
    }

    fn handle_bm_dev_mgr_show_ports(&self) -> thrift::Result<Vec<DevMgrPortInfo>> {
        Ok(self.ports().list().into_iter().map(ports::out).collect())
    }

    fn handle_bm_mgmt_get_info(&self) -> thrift::Result<BmConfig> {
        Ok(BmConfig {
            device_id: self.device().cast_signed(),
            thrift_port: self.listening().into(),
            notifications_socket: self.notifications(),
            elogger_socket: None,
            debugger_socket: None,
        })
    }

    fn handle_bm_set_crc16_custom_parameters(
        &self,
        cxt_id: i32,
        calc_name: String,
        crc16_config: BmCrc16Config,
    ) -> thrift::Result<()> {
        refused::context(cxt_id)?;
        self.with(|engine| engine.set_crc(&calc_name, to::crc16(&crc16_config))).map_err(refused::crc)
    }

    fn handle_bm_set_crc32_custom_parameters(
        &self,
        cxt_id: i32,
        calc_name: String,
        crc32_config: BmCrc32Config,
    ) -> thrift::Result<()> {
        refused::context(cxt_id)?;
        self.with(|engine| engine.set_crc(&calc_name, to::crc32(&crc32_config))).map_err(refused::crc)
    }

    fn handle_bm_set_toeplitz_hash_key(&self, _: i32, _: String, _: BmToeplitzHashKey) -> thrift::Result<()> {
        Err(refused::toeplitz())
    }

    fn handle_bm_reset_state(&self) -> thrift::Result<()> {
        self.reset_state();
        Ok(())
    }

    fn handle_bm_get_config(&self) -> thrift::Result<Vec<u8>> {
        let json = self.configs().current().json();
        Ok(json.as_bytes().to_vec())
    }

    fn handle_bm_get_config_md5(&self) -> thrift::Result<Vec<u8>> {
        let json = self.configs().current().json();
        Ok(md5(&json))
    }

    fn handle_bm_get_id_from_name(
        &self,
        cxt_id: i32,
        resource_type: BmResourceType,
        resource_name: String,
    ) -> thrift::Result<i32> {
        refused::context(cxt_id)?;
        if !is_resource(resource_type) {
            return Err(InvalidIdLookup::new(IdLookupErrorCode::INVALID_RESOURCE_TYPE).into());
        }
        let id = self.configs().current().id(resource_type, resource_name);
        id.ok_or_else(|| InvalidIdLookup::new(IdLookupErrorCode::INVALID_RESOURCE_NAME).into())
    }

    fn handle_bm_serialize_state(&self) -> thrift::Result<Vec<u8>> {
        serialize::state(self)
    }
}

impl Runtime {
    fn add_indirect(
        &self,
        context: i32,
        table: &str,
        key: BmMatchParams,
        to: &EntryAction,
        options: &BmAddEntryOptions,
    ) -> thrift::Result<BmEntryHandle> {
        let (key, priority) = (to::key(key), to::priority(options));
        Ok(self.table(context, |engine| engine.table_add_indirect(table, &key?, to, priority))?.cast_signed())
    }
}
