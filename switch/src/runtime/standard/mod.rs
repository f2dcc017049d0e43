//! The service `standard`: each call is one operation of the engine. Here it is told which; the operations have files by subject.

mod arrays;
mod device;
mod entries;
mod learning;
mod profiles;

use super::handler::Runtime;
use super::idl::bmv2_standard as idl;
use super::{refused, serialize};
use crate::engine::EntryAction;
use idl::*;
use thrift::Result;

fn direct(name: String, data: BmActionData) -> EntryAction {
    EntryAction::Action { name, data }
}

fn member(handle: BmMemberHandle) -> EntryAction {
    EntryAction::Member(handle.cast_unsigned())
}

fn group(handle: BmGroupHandle) -> EntryAction {
    EntryAction::Group(handle.cast_unsigned())
}

impl StandardSyncHandler for Runtime {
    // Tables.

    fn handle_bm_mt_get_num_entries(&self, cxt: i32, table: String) -> Result<i64> {
        self.entry_count(cxt, &table)
    }

    fn handle_bm_mt_clear_entries(&self, cxt: i32, table: String, with_default: bool) -> Result<()> {
        self.table(cxt, |engine| engine.table_clear(&table, with_default))
    }

    fn handle_bm_mt_add_entry(
        &self,
        cxt: i32,
        table: String,
        key: BmMatchParams,
        action: String,
        data: BmActionData,
        options: BmAddEntryOptions,
    ) -> Result<BmEntryHandle> {
        self.add_entry(cxt, &table, key, &direct(action, data), &options)
    }

    fn handle_bm_mt_set_default_action(
        &self,
        cxt: i32,
        table: String,
        action: String,
        data: BmActionData,
    ) -> Result<()> {
        self.set_default(cxt, &table, &direct(action, data))
    }

    fn handle_bm_mt_reset_default_entry(&self, cxt: i32, table: String) -> Result<()> {
        self.reset_default(cxt, &table)
    }

    fn handle_bm_mt_delete_entry(&self, cxt: i32, table: String, entry: BmEntryHandle) -> Result<()> {
        self.delete_entry(cxt, &table, entry)
    }

    fn handle_bm_mt_modify_entry(
        &self,
        cxt: i32,
        table: String,
        entry: BmEntryHandle,
        action: String,
        data: BmActionData,
    ) -> Result<()> {
        self.modify_entry(cxt, &table, entry, &direct(action, data))
    }

    fn handle_bm_mt_set_entry_ttl(&self, cxt: i32, table: String, _entry: BmEntryHandle, _ms: i32) -> Result<()> {
        self.set_ttl(cxt, &table)
    }

    fn handle_bm_mt_read_counter(&self, cxt: i32, table: String, entry: BmEntryHandle) -> Result<BmCounterValue> {
        self.entry_counter(cxt, &table, entry)
    }

    fn handle_bm_mt_reset_counters(&self, cxt: i32, table: String) -> Result<()> {
        self.table(cxt, |engine| engine.table_reset_counts(&table))
    }

    fn handle_bm_mt_write_counter(&self, cxt: i32, table: String, entry: i32, value: BmCounterValue) -> Result<()> {
        self.set_entry_counter(cxt, &table, entry, &value)
    }

    fn handle_bm_mt_set_meter_rates(
        &self,
        cxt: i32,
        table: String,
        entry: BmEntryHandle,
        rates: Vec<BmMeterRateConfig>,
    ) -> Result<()> {
        self.set_entry_meter(cxt, &table, entry, &rates)
    }

    fn handle_bm_mt_get_meter_rates(&self, cxt: i32, table: String, entry: i32) -> Result<Vec<BmMeterRateConfig>> {
        self.entry_meter(cxt, &table, entry)
    }

    fn handle_bm_mt_get_entries(&self, cxt: i32, table: String) -> Result<Vec<BmMtEntry>> {
        self.list_entries(cxt, &table)
    }

    fn handle_bm_mt_get_entry(&self, cxt: i32, table: String, entry: BmEntryHandle) -> Result<BmMtEntry> {
        self.entry(cxt, &table, entry)
    }

    fn handle_bm_mt_get_default_entry(&self, cxt: i32, table: String) -> Result<BmActionEntry> {
        self.default_entry(cxt, &table)
    }

    fn handle_bm_mt_get_entry_from_key(
        &self,
        cxt: i32,
        table: String,
        key: BmMatchParams,
        options: BmAddEntryOptions,
    ) -> Result<BmMtEntry> {
        self.entry_of(cxt, &table, key, &options)
    }

    // Tables whose entries are members or groups of an action profile.

    fn handle_bm_mt_indirect_add_entry(
        &self,
        cxt: i32,
        table: String,
        key: BmMatchParams,
        to: BmMemberHandle,
        options: BmAddEntryOptions,
    ) -> Result<BmEntryHandle> {
        self.add_entry(cxt, &table, key, &member(to), &options)
    }

    fn handle_bm_mt_indirect_modify_entry(
        &self,
        cxt: i32,
        table: String,
        entry: i32,
        to: BmMemberHandle,
    ) -> Result<()> {
        self.modify_entry(cxt, &table, entry, &member(to))
    }

    fn handle_bm_mt_indirect_delete_entry(&self, cxt: i32, table: String, entry: BmEntryHandle) -> Result<()> {
        self.delete_entry(cxt, &table, entry)
    }

    fn handle_bm_mt_indirect_set_entry_ttl(&self, cxt: i32, table: String, _entry: i32, _ms: i32) -> Result<()> {
        self.set_ttl(cxt, &table)
    }

    fn handle_bm_mt_indirect_set_default_member(&self, cxt: i32, table: String, to: BmMemberHandle) -> Result<()> {
        self.set_default(cxt, &table, &member(to))
    }

    fn handle_bm_mt_indirect_reset_default_entry(&self, cxt: i32, table: String) -> Result<()> {
        self.reset_default(cxt, &table)
    }

    fn handle_bm_mt_indirect_ws_add_entry(
        &self,
        cxt: i32,
        table: String,
        key: BmMatchParams,
        to: BmGroupHandle,
        options: BmAddEntryOptions,
    ) -> Result<BmEntryHandle> {
        self.add_entry(cxt, &table, key, &group(to), &options)
    }

    fn handle_bm_mt_indirect_ws_modify_entry(
        &self,
        cxt: i32,
        table: String,
        entry: i32,
        to: BmGroupHandle,
    ) -> Result<()> {
        self.modify_entry(cxt, &table, entry, &group(to))
    }

    fn handle_bm_mt_indirect_ws_set_default_group(&self, cxt: i32, table: String, to: BmGroupHandle) -> Result<()> {
        self.set_default(cxt, &table, &group(to))
    }

    // Action profiles.

    fn handle_bm_mt_act_prof_add_member(
        &self,
        cxt: i32,
        profile: String,
        action: String,
        data: BmActionData,
    ) -> Result<BmMemberHandle> {
        self.add_member(cxt, &profile, &action, &data)
    }

    fn handle_bm_mt_act_prof_delete_member(&self, cxt: i32, profile: String, member: BmMemberHandle) -> Result<()> {
        self.delete_member(cxt, &profile, member)
    }

    fn handle_bm_mt_act_prof_modify_member(
        &self,
        cxt: i32,
        profile: String,
        member: BmMemberHandle,
        action: String,
        data: BmActionData,
    ) -> Result<()> {
        self.modify_member(cxt, &profile, member, &action, &data)
    }

    fn handle_bm_mt_act_prof_create_group(&self, cxt: i32, profile: String) -> Result<BmGroupHandle> {
        self.create_group(cxt, &profile)
    }

    fn handle_bm_mt_act_prof_delete_group(&self, cxt: i32, profile: String, group: BmGroupHandle) -> Result<()> {
        self.delete_group(cxt, &profile, group)
    }

    fn handle_bm_mt_act_prof_add_member_to_group(&self, cxt: i32, profile: String, member: i32, to: i32) -> Result<()> {
        self.join_group(cxt, &profile, member, to)
    }

    fn handle_bm_mt_act_prof_remove_member_from_group(
        &self,
        cxt: i32,
        profile: String,
        member: BmMemberHandle,
        from: BmGroupHandle,
    ) -> Result<()> {
        self.leave_group(cxt, &profile, member, from)
    }

    fn handle_bm_mt_act_prof_get_members(&self, cxt: i32, profile: String) -> Result<Vec<BmMtActProfMember>> {
        self.list_members(cxt, &profile)
    }

    fn handle_bm_mt_act_prof_get_member(&self, cxt: i32, profile: String, member: i32) -> Result<BmMtActProfMember> {
        self.member(cxt, &profile, member)
    }

    fn handle_bm_mt_act_prof_get_groups(&self, cxt: i32, profile: String) -> Result<Vec<BmMtActProfGroup>> {
        self.list_groups(cxt, &profile)
    }

    fn handle_bm_mt_act_prof_get_group(&self, cxt: i32, profile: String, group: i32) -> Result<BmMtActProfGroup> {
        self.group(cxt, &profile, group)
    }

    // Counters, meters and registers of no table.

    fn handle_bm_counter_read(&self, cxt: i32, array: String, index: i32) -> Result<BmCounterValue> {
        self.read_counter(cxt, &array, index)
    }

    fn handle_bm_counter_reset_all(&self, cxt: i32, array: String) -> Result<()> {
        self.counter(cxt, |engine| engine.clear_counters(&array))
    }

    fn handle_bm_counter_write(&self, cxt: i32, array: String, index: i32, value: BmCounterValue) -> Result<()> {
        self.write_counter(cxt, &array, index, &value)
    }

    fn handle_bm_meter_array_set_rates(&self, cxt: i32, array: String, rates: Vec<BmMeterRateConfig>) -> Result<()> {
        self.set_meters(cxt, &array, &rates)
    }

    fn handle_bm_meter_set_rates(&self, cxt: i32, array: String, at: i32, rates: Vec<BmMeterRateConfig>) -> Result<()> {
        self.set_meter(cxt, &array, at, &rates)
    }

    fn handle_bm_meter_get_rates(&self, cxt: i32, array: String, index: i32) -> Result<Vec<BmMeterRateConfig>> {
        self.meter_rates(cxt, &array, index)
    }

    fn handle_bm_register_read(&self, cxt: i32, array: String, index: i32) -> Result<BmRegisterValue> {
        self.read_register(cxt, &array, index)
    }

    fn handle_bm_register_read_all(&self, cxt: i32, array: String) -> Result<Vec<BmRegisterValue>> {
        self.read_registers(cxt, &array)
    }

    fn handle_bm_register_write(&self, cxt: i32, array: String, index: i32, value: BmRegisterValue) -> Result<()> {
        self.write_register(cxt, &array, index, value)
    }

    fn handle_bm_register_write_range(&self, cxt: i32, array: String, start: i32, end: i32, value: i64) -> Result<()> {
        self.write_registers(cxt, &array, start, end, value)
    }

    fn handle_bm_register_reset(&self, cxt: i32, array: String) -> Result<()> {
        self.register(cxt, |engine| engine.clear_registers(&array))
    }

    // Digests.

    fn handle_bm_learning_ack(&self, cxt: i32, list: i32, buffer: i64, samples: Vec<i32>) -> Result<()> {
        self.acknowledge(cxt, list, buffer, samples)
    }

    fn handle_bm_learning_ack_buffer(&self, cxt: i32, list: i32, buffer: i64) -> Result<()> {
        self.acknowledge_buffer(cxt, list, buffer)
    }

    fn handle_bm_learning_set_timeout(&self, cxt: i32, list: BmLearningListId, timeout_ms: i32) -> Result<()> {
        self.set_learn_wait(cxt, list, timeout_ms)
    }

    fn handle_bm_learning_set_buffer_size(&self, cxt: i32, list: BmLearningListId, samples: i32) -> Result<()> {
        self.set_learn_samples(cxt, list, samples)
    }

    // Sets of values of the parser.

    fn handle_bm_parse_vset_add(&self, cxt: i32, set: String, value: BmParseVSetValue) -> Result<()> {
        self.value_set(cxt, |engine| engine.set_add(&set, &value))
    }

    fn handle_bm_parse_vset_remove(&self, cxt: i32, set: String, value: BmParseVSetValue) -> Result<()> {
        self.value_set(cxt, |engine| engine.set_remove(&set, &value))
    }

    fn handle_bm_parse_vset_get(&self, cxt: i32, set: String) -> Result<Vec<BmParseVSetValue>> {
        self.value_set(cxt, |engine| engine.set_values(&set))
    }

    fn handle_bm_parse_vset_clear(&self, cxt: i32, set: String) -> Result<()> {
        self.value_set(cxt, |engine| engine.set_clear(&set))
    }

    // The switch itself.

    fn handle_bm_load_new_config(&self, json: String) -> Result<()> {
        self.load(&json)
    }

    fn handle_bm_swap_configs(&self) -> Result<()> {
        self.swap()
    }

    fn handle_bm_dev_mgr_add_port(&self, device: String, number: i32, capture: String) -> Result<()> {
        self.add_port(&device, number, &capture)
    }

    fn handle_bm_dev_mgr_remove_port(&self, number: i32) -> Result<()> {
        self.remove_port(number)
    }

    fn handle_bm_dev_mgr_show_ports(&self) -> Result<Vec<DevMgrPortInfo>> {
        Ok(self.list_ports())
    }

    fn handle_bm_mgmt_get_info(&self) -> Result<BmConfig> {
        Ok(self.info())
    }

    fn handle_bm_set_crc16_custom_parameters(&self, cxt: i32, name: String, config: BmCrc16Config) -> Result<()> {
        self.set_crc16(cxt, &name, &config)
    }

    fn handle_bm_set_crc32_custom_parameters(&self, cxt: i32, name: String, config: BmCrc32Config) -> Result<()> {
        self.set_crc32(cxt, &name, &config)
    }

    fn handle_bm_set_toeplitz_hash_key(&self, _: i32, _: String, _: BmToeplitzHashKey) -> Result<()> {
        Err(refused::toeplitz())
    }

    fn handle_bm_reset_state(&self) -> Result<()> {
        self.reset_state();
        Ok(())
    }

    fn handle_bm_get_config(&self) -> Result<Vec<u8>> {
        Ok(self.json())
    }

    fn handle_bm_get_config_md5(&self) -> Result<Vec<u8>> {
        Ok(self.json_md5())
    }

    fn handle_bm_get_id_from_name(&self, cxt: i32, kind: BmResourceType, name: String) -> Result<i32> {
        self.id_of(cxt, kind, name)
    }

    fn handle_bm_serialize_state(&self) -> Result<Vec<u8>> {
        serialize::state(self)
    }
}
