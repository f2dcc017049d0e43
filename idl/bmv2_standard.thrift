/**
 * What every target of BMv2 offers to a control plane: tables, action profiles, counters, meters, registers, digests,
 * configurations. Called on the wire as service `standard`; `simple_switch` has its own calls and the replication engine's beside it.
 *
 * Names, ids and types are BMv2's. `cxt_id` is always 0. Numbers in keys and in action data are big-endian, in
 * ceil(bits / 8) bytes. Where BMv2 says `string` for what may be no UTF-8 it says `binary` here, which is the same on the wire.
 */
namespace * bifrost.bmv2.standard
namespace rs bmv2_standard

/** Names an entry of a table: in its high 8 bits how often its place was used before. */
typedef i32 BmEntryHandle

/** One value for each parameter of an action. */
typedef list<binary> BmActionData

/** Names a member of an action profile. */
typedef i32 BmMemberHandle

/** Names a group of an action profile. */
typedef i32 BmGroupHandle

/** Names a learn list: its id in the program. */
typedef i32 BmLearningListId

/** Names a buffer of digests that was sent. */
typedef i64 BmLearningBufferId

/** The place of a digest in its buffer. */
typedef i32 BmLearningSampleId

/** How a field of a key is matched. */
enum BmMatchParamType {
  EXACT = 0,
  LPM = 1,
  TERNARY = 2,
  VALID = 3,
  RANGE = 4,
}

/** Equal to this. */
struct BmMatchParamExact {
  1: required binary key,
}

/** Equal in this many of its first bits. */
struct BmMatchParamLPM {
  1: required binary key,
  2: required i32 prefix_length,
}

/** Equal where the mask has ones. */
struct BmMatchParamTernary {
  1: required binary key,
  2: required binary mask,
}

/** The header is valid, or is not. */
struct BmMatchParamValid {
  1: required bool key,
}

/** From one value to the other, both included. */
struct BmMatchParamRange {
  1: required binary start,
  2: required binary end_,
}

/** One field of a key: the member that belongs to its type is set. */
struct BmMatchParam {
  1: required BmMatchParamType type,
  2: optional BmMatchParamExact exact,
  3: optional BmMatchParamLPM lpm,
  4: optional BmMatchParamTernary ternary,
  5: optional BmMatchParamValid valid,
  6: optional BmMatchParamRange range,
}

/** A key: its fields in the table's order. */
typedef list<BmMatchParam> BmMatchParams

/** What an entry has besides key and action. */
struct BmAddEntryOptions {
  /** In ternary and range tables the lowest wins. */
  1: optional i32 priority,
}

/** What a counter has counted. */
struct BmCounterValue {
  1: required i64 bytes,
  2: required i64 packets,
}

/** One rate of a meter. */
struct BmMeterRateConfig {
  /** Bytes or packets in a microsecond. */
  1: required double units_per_micros,
  /** Bytes or packets at once. */
  2: required i32 burst_size,
}

/** Why an operation on a table or an action profile was refused. */
enum TableOperationErrorCode {
  TABLE_FULL = 1,
  INVALID_HANDLE = 2,
  EXPIRED_HANDLE = 3,
  COUNTERS_DISABLED = 4,
  METERS_DISABLED = 5,
  AGEING_DISABLED = 6,
  INVALID_TABLE_NAME = 7,
  INVALID_ACTION_NAME = 8,
  WRONG_TABLE_TYPE = 9,
  INVALID_MBR_HANDLE = 10,
  MBR_STILL_USED = 11,
  MBR_ALREADY_IN_GRP = 12,
  MBR_NOT_IN_GRP = 13,
  INVALID_GRP_HANDLE = 14,
  GRP_STILL_USED = 15,
  EMPTY_GRP = 16,
  DUPLICATE_ENTRY = 17,
  BAD_MATCH_KEY = 18,
  INVALID_METER_OPERATION = 19,
  DEFAULT_ACTION_IS_CONST = 20,
  DEFAULT_ENTRY_IS_CONST = 21,
  NO_DEFAULT_ENTRY = 22,
  INVALID_ACTION_PROFILE_NAME = 23,
  NO_ACTION_PROFILE_SELECTION = 24,
  IMMUTABLE_TABLE_ENTRIES = 25,
  BAD_ACTION_DATA = 26,
  NO_TABLE_KEY = 27,
  ERROR = 100,
}

exception InvalidTableOperation {
  1: required TableOperationErrorCode code,
}

/** Why an operation on a counter was refused. */
enum CounterOperationErrorCode {
  INVALID_COUNTER_NAME = 1,
  INVALID_INDEX = 2,
  ERROR = 3,
}

exception InvalidCounterOperation {
  1: required CounterOperationErrorCode code,
}

/** Why configurations were not changed. */
enum SwapOperationErrorCode {
  CONFIG_SWAP_DISABLED = 1,
  ONGOING_SWAP = 2,
  NO_ONGOING_SWAP = 3,
}

exception InvalidSwapOperation {
  1: required SwapOperationErrorCode code,
}

/** Why an operation on a meter was refused. */
enum MeterOperationErrorCode {
  INVALID_METER_NAME = 1,
  INVALID_INDEX = 2,
  BAD_RATES_LIST = 3,
  INVALID_INFO_RATE_VALUE = 4,
  INVALID_BURST_SIZE_VALUE = 5,
  ERROR = 6,
}

exception InvalidMeterOperation {
  1: required MeterOperationErrorCode code,
}

/** A register, as far as 64 bits hold it. */
typedef i64 BmRegisterValue

/** Why an operation on a register was refused. */
enum RegisterOperationErrorCode {
  INVALID_REGISTER_NAME = 1,
  INVALID_INDEX = 2,
  ERROR = 3,
}

exception InvalidRegisterOperation {
  1: required RegisterOperationErrorCode code,
}

/** A value of a parser's value set. */
typedef binary BmParseVSetValue

/** Why an operation on a value set was refused. */
enum ParseVSetOperationErrorCode {
  INVALID_PARSE_VSET_NAME = 1,
  ERROR = 2,
}

exception InvalidParseVSetOperation {
  1: required ParseVSetOperationErrorCode code,
}

/** Why an operation on digests was refused. */
enum LearnOperationErrorCode {
  INVALID_LIST_ID = 1,
  INVALID_LIST_NAME = 2,
  ERROR = 3,
}

exception InvalidLearnOperation {
  1: required LearnOperationErrorCode code,
}

/** Why an operation on ports was refused. */
enum DevMgrErrorCode {
  ERROR = 1,
}

exception InvalidDevMgrOperation {
  1: required DevMgrErrorCode code,
}

/** A port of the switch. */
struct DevMgrPortInfo {
  1: required i32 port_num,
  2: required string iface_name,
  3: required bool is_up,
  4: required map<string, string> extra,
}

/** The parameters of a 16-bit CRC; polynomial and values are the i16 of the same bits. */
struct BmCrc16Config {
  1: required i16 polynomial,
  2: required i16 initial_remainder,
  3: required i16 final_xor_value,
  4: required bool data_reflected,
  5: required bool remainder_reflected,
}

/** The parameters of a 32-bit CRC; polynomial and values are the i32 of the same bits. */
struct BmCrc32Config {
  1: required i32 polynomial,
  2: required i32 initial_remainder,
  3: required i32 final_xor_value,
  4: required bool data_reflected,
  5: required bool remainder_reflected,
}

/** Why a CRC was not changed. */
enum CrcErrorCode {
  INVALID_CALCULATION_NAME = 1,
  WRONG_TYPE_CALCULATION = 2,
  INVALID_CONFIG = 3,
}

exception InvalidCrcOperation {
  1: required CrcErrorCode code,
}

/** The key of a Toeplitz hash. */
typedef binary BmToeplitzHashKey

/** Why a Toeplitz hash was not changed. */
enum ToeplitzHashErrorCode {
  INVALID_CALCULATION_NAME = 1,
  WRONG_TYPE_CALCULATION = 2,
  INVALID_KEY = 3,
}

exception InvalidToeplitzHashOperation {
  1: required ToeplitzHashErrorCode code,
}

/** What an entry holds. */
enum BmActionEntryType {
  /** A default entry that there is not. */
  NONE = 0,
  ACTION_DATA = 1,
  MBR_HANDLE = 2,
  GRP_HANDLE = 3,
}

/** What an entry leads to: the members that belong to its type are set. */
struct BmActionEntry {
  1: required BmActionEntryType action_type,
  2: optional string action_name,
  3: optional BmActionData action_data,
  4: optional BmMemberHandle mbr_handle,
  5: optional BmGroupHandle grp_handle,
}

/** When an entry that ages was last hit. */
struct BmMtEntryLife {
  1: required i32 timeout_ms,
  2: required i32 time_since_hit_ms,
}

/** An entry. */
struct BmMtEntry {
  1: required BmMatchParams match_key,
  2: required BmAddEntryOptions options,
  3: required BmEntryHandle entry_handle,
  4: required BmActionEntry action_entry,
  5: optional BmMtEntryLife life,
}

/** A member of an action profile. */
struct BmMtActProfMember {
  1: required BmMemberHandle mbr_handle,
  2: required string action_name,
  3: required BmActionData action_data,
}

/** A group of an action profile. */
struct BmMtActProfGroup {
  1: required BmGroupHandle grp_handle,
  2: required list<BmMemberHandle> mbr_handles,
}

/** What a switch says of itself. */
struct BmConfig {
  1: required i64 device_id,
  2: required i32 thrift_port,
  3: optional string notifications_socket,
  4: optional string elogger_socket,
  5: optional string debugger_socket,
}

/** Kinds of things that have an id in the program. */
enum BmResourceType {
  MATCH_TABLE = 0,
  ACTION_PROFILE = 1,
  COUNTER = 2,
  METER = 3,
  REGISTER = 4,
  LEARNING_LIST = 5,
}

/** Why no id was found. */
enum IdLookupErrorCode {
  INVALID_RESOURCE_TYPE = 0,
  INVALID_RESOURCE_NAME = 1,
}

exception InvalidIdLookup {
  1: required IdLookupErrorCode code,
}

service standard {
  /** How many entries a table has. */
  i64 bm_mt_get_num_entries(1: i32 cxt_id, 2: string table_name) throws (1: InvalidTableOperation ouch),

  /** Deletes all entries, and at will gives the table its first default entry again. */
  void bm_mt_clear_entries(
    1: i32 cxt_id,
    2: string table_name,
    3: bool reset_default_entry
  ) throws (1: InvalidTableOperation ouch),

  /** Adds an entry of a direct table. */
  BmEntryHandle bm_mt_add_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmMatchParams match_key,
    4: string action_name,
    5: BmActionData action_data,
    6: BmAddEntryOptions options
  ) throws (1: InvalidTableOperation ouch),

  /** Sets what a miss does. */
  void bm_mt_set_default_action(
    1: i32 cxt_id,
    2: string table_name,
    3: string action_name,
    4: BmActionData action_data
  ) throws (1: InvalidTableOperation ouch),

  /** Gives a table its first default entry again. */
  void bm_mt_reset_default_entry(1: i32 cxt_id, 2: string table_name) throws (1: InvalidTableOperation ouch),

  /** Deletes an entry. */
  void bm_mt_delete_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Gives an entry another action. */
  void bm_mt_modify_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: string action_name,
    5: BmActionData action_data
  ) throws (1: InvalidTableOperation ouch),

  /** Lets an entry age. */
  void bm_mt_set_entry_ttl(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: i32 timeout_ms
  ) throws (1: InvalidTableOperation ouch),

  /** Adds a member to an action profile. */
  BmMemberHandle bm_mt_act_prof_add_member(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: string action_name,
    4: BmActionData action_data
  ) throws (1: InvalidTableOperation ouch),

  /** Deletes a member that nothing refers to. */
  void bm_mt_act_prof_delete_member(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmMemberHandle mbr_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Gives a member another action. */
  void bm_mt_act_prof_modify_member(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmMemberHandle mbr_handle,
    4: string action_name,
    5: BmActionData action_data
  ) throws (1: InvalidTableOperation ouch),

  /** Makes an empty group. */
  BmGroupHandle bm_mt_act_prof_create_group(
    1: i32 cxt_id,
    2: string act_prof_name
  ) throws (1: InvalidTableOperation ouch),

  /** Deletes a group that no entry refers to. */
  void bm_mt_act_prof_delete_group(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmGroupHandle grp_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Puts a member into a group. */
  void bm_mt_act_prof_add_member_to_group(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmMemberHandle mbr_handle,
    4: BmGroupHandle grp_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Takes a member out of a group. */
  void bm_mt_act_prof_remove_member_from_group(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmMemberHandle mbr_handle,
    4: BmGroupHandle grp_handle
  ) throws (1: InvalidTableOperation ouch),

  /** All members. */
  list<BmMtActProfMember> bm_mt_act_prof_get_members(
    1: i32 cxt_id,
    2: string act_prof_name
  ) throws (1: InvalidTableOperation ouch),

  /** One member. */
  BmMtActProfMember bm_mt_act_prof_get_member(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmMemberHandle mbr_handle
  ) throws (1: InvalidTableOperation ouch),

  /** All groups. */
  list<BmMtActProfGroup> bm_mt_act_prof_get_groups(
    1: i32 cxt_id,
    2: string act_prof_name
  ) throws (1: InvalidTableOperation ouch),

  /** One group. */
  BmMtActProfGroup bm_mt_act_prof_get_group(
    1: i32 cxt_id,
    2: string act_prof_name,
    3: BmGroupHandle grp_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Adds an entry of an indirect table, for a member. */
  BmEntryHandle bm_mt_indirect_add_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmMatchParams match_key,
    4: BmMemberHandle mbr_handle,
    5: BmAddEntryOptions options
  ) throws (1: InvalidTableOperation ouch),

  /** Gives an entry another member. */
  void bm_mt_indirect_modify_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: BmMemberHandle mbr_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Deletes an entry of an indirect table. */
  void bm_mt_indirect_delete_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Lets an entry of an indirect table age. */
  void bm_mt_indirect_set_entry_ttl(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: i32 timeout_ms
  ) throws (1: InvalidTableOperation ouch),

  /** Has a miss run a member. */
  void bm_mt_indirect_set_default_member(
    1: i32 cxt_id,
    2: string table_name,
    3: BmMemberHandle mbr_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Gives an indirect table its first default entry again. */
  void bm_mt_indirect_reset_default_entry(1: i32 cxt_id, 2: string table_name) throws (1: InvalidTableOperation ouch),

  /** Adds an entry for a group. */
  BmEntryHandle bm_mt_indirect_ws_add_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmMatchParams match_key,
    4: BmGroupHandle grp_handle,
    5: BmAddEntryOptions options
  ) throws (1: InvalidTableOperation ouch),

  /** Gives an entry another group. */
  void bm_mt_indirect_ws_modify_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: BmGroupHandle grp_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Has a miss run a member of a group. */
  void bm_mt_indirect_ws_set_default_group(
    1: i32 cxt_id,
    2: string table_name,
    3: BmGroupHandle grp_handle
  ) throws (1: InvalidTableOperation ouch),

  /** What an entry has counted. */
  BmCounterValue bm_mt_read_counter(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle
  ) throws (1: InvalidTableOperation ouch),

  /** Sets what all entries have counted to zero. */
  void bm_mt_reset_counters(1: i32 cxt_id, 2: string table_name) throws (1: InvalidTableOperation ouch),

  /** Sets what an entry has counted. */
  void bm_mt_write_counter(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: BmCounterValue value
  ) throws (1: InvalidTableOperation ouch),

  /** Sets the rates of an entry's meter. */
  void bm_mt_set_meter_rates(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle,
    4: list<BmMeterRateConfig> rates
  ) throws (1: InvalidTableOperation ouch),

  /** The rates of an entry's meter. */
  list<BmMeterRateConfig> bm_mt_get_meter_rates(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle
  ) throws (1: InvalidTableOperation ouch),

  /** All entries. */
  list<BmMtEntry> bm_mt_get_entries(1: i32 cxt_id, 2: string table_name) throws (1: InvalidTableOperation ouch),

  /** One entry. */
  BmMtEntry bm_mt_get_entry(
    1: i32 cxt_id,
    2: string table_name,
    3: BmEntryHandle entry_handle
  ) throws (1: InvalidTableOperation ouch),

  /** What a miss does. */
  BmActionEntry bm_mt_get_default_entry(1: i32 cxt_id, 2: string table_name) throws (1: InvalidTableOperation ouch),

  /** The entry with this key; the default entry for an empty one. */
  BmMtEntry bm_mt_get_entry_from_key(
    1: i32 cxt_id,
    2: string table_name,
    3: BmMatchParams match_key,
    4: BmAddEntryOptions options
  ) throws (1: InvalidTableOperation ouch),

  /** An indirect counter. */
  BmCounterValue bm_counter_read(
    1: i32 cxt_id,
    2: string counter_name,
    3: i32 index
  ) throws (1: InvalidCounterOperation ouch),

  /** Sets an array's counters to zero. */
  void bm_counter_reset_all(1: i32 cxt_id, 2: string counter_name) throws (1: InvalidCounterOperation ouch),

  /** Sets an indirect counter. */
  void bm_counter_write(
    1: i32 cxt_id,
    2: string counter_name,
    3: i32 index,
    4: BmCounterValue value
  ) throws (1: InvalidCounterOperation ouch),

  /** Says that digests have arrived, so that equal ones are sent again. */
  void bm_learning_ack(
    1: i32 cxt_id,
    2: BmLearningListId list_id,
    3: BmLearningBufferId buffer_id,
    4: list<BmLearningSampleId> sample_ids
  ) throws (1: InvalidLearnOperation ouch),

  /** The same, of a whole buffer. */
  void bm_learning_ack_buffer(
    1: i32 cxt_id,
    2: BmLearningListId list_id,
    3: BmLearningBufferId buffer_id
  ) throws (1: InvalidLearnOperation ouch),

  /** How long a digest waits for others at most; 0: until the buffer is full. */
  void bm_learning_set_timeout(
    1: i32 cxt_id,
    2: BmLearningListId list_id,
    3: i32 timeout_ms
  ) throws (1: InvalidLearnOperation ouch),

  /** How many digests make a buffer full. */
  void bm_learning_set_buffer_size(
    1: i32 cxt_id,
    2: BmLearningListId list_id,
    3: i32 nb_samples
  ) throws (1: InvalidLearnOperation ouch),

  /** Loads a program beside the one that runs. */
  void bm_load_new_config(1: string config_str) throws (1: InvalidSwapOperation ouch),

  /** Runs the program that was loaded last. */
  void bm_swap_configs() throws (1: InvalidSwapOperation ouch),

  /** Sets the rates of all meters of an array, the lower first. */
  void bm_meter_array_set_rates(
    1: i32 cxt_id,
    2: string meter_array_name,
    3: list<BmMeterRateConfig> rates
  ) throws (1: InvalidMeterOperation ouch),

  /** Sets the rates of a meter. */
  void bm_meter_set_rates(
    1: i32 cxt_id,
    2: string meter_array_name,
    3: i32 index,
    4: list<BmMeterRateConfig> rates
  ) throws (1: InvalidMeterOperation ouch),

  /** The rates of a meter; none if they were not set. */
  list<BmMeterRateConfig> bm_meter_get_rates(
    1: i32 cxt_id,
    2: string meter_array_name,
    3: i32 index
  ) throws (1: InvalidMeterOperation ouch),

  /** A register. */
  BmRegisterValue bm_register_read(
    1: i32 cxt_id,
    2: string register_array_name,
    3: i32 idx
  ) throws (1: InvalidRegisterOperation ouch),

  /** All registers of an array. */
  list<BmRegisterValue> bm_register_read_all(
    1: i32 cxt_id,
    2: string register_array_name
  ) throws (1: InvalidRegisterOperation ouch),

  /** Sets a register. */
  void bm_register_write(
    1: i32 cxt_id,
    2: string register_array_name,
    3: i32 index,
    4: BmRegisterValue value
  ) throws (1: InvalidRegisterOperation ouch),

  /** Sets registers from one index up to, and without, another. */
  void bm_register_write_range(
    1: i32 cxt_id,
    2: string register_array_name,
    3: i32 start_index,
    4: i32 end_index,
    5: BmRegisterValue value
  ) throws (1: InvalidRegisterOperation ouch),

  /** Sets an array's registers to zero. */
  void bm_register_reset(1: i32 cxt_id, 2: string register_array_name) throws (1: InvalidRegisterOperation ouch),

  /** Puts a value into a set. */
  void bm_parse_vset_add(
    1: i32 cxt_id,
    2: string parse_vset_name,
    3: BmParseVSetValue value
  ) throws (1: InvalidParseVSetOperation ouch),

  /** Takes a value out of a set. */
  void bm_parse_vset_remove(
    1: i32 cxt_id,
    2: string parse_vset_name,
    3: BmParseVSetValue value
  ) throws (1: InvalidParseVSetOperation ouch),

  /** A set's values. */
  list<BmParseVSetValue> bm_parse_vset_get(
    1: i32 cxt_id,
    2: string parse_vset_name
  ) throws (1: InvalidParseVSetOperation ouch),

  /** Takes all values out of a set. */
  void bm_parse_vset_clear(1: i32 cxt_id, 2: string parse_vset_name) throws (1: InvalidParseVSetOperation ouch),

  /** Adds a port. An empty path: nothing is captured. */
  void bm_dev_mgr_add_port(
    1: string iface_name,
    2: i32 port_num,
    3: string pcap_path = ""
  ) throws (1: InvalidDevMgrOperation ouch),

  /** Removes a port. */
  void bm_dev_mgr_remove_port(1: i32 port_num) throws (1: InvalidDevMgrOperation ouch),

  /** All ports. */
  list<DevMgrPortInfo> bm_dev_mgr_show_ports() throws (1: InvalidDevMgrOperation ouch),

  /** What the switch says of itself. */
  BmConfig bm_mgmt_get_info(),

  /** Sets the parameters of a calculation by `crc16_custom`. */
  void bm_set_crc16_custom_parameters(
    1: i32 cxt_id,
    2: string calc_name,
    3: BmCrc16Config crc16_config
  ) throws (1: InvalidCrcOperation ouch),

  /** Sets the parameters of a calculation by `crc32_custom`. */
  void bm_set_crc32_custom_parameters(
    1: i32 cxt_id,
    2: string calc_name,
    3: BmCrc32Config crc32_config
  ) throws (1: InvalidCrcOperation ouch),

  /** Sets the key of a Toeplitz hash. */
  void bm_set_toeplitz_hash_key(
    1: i32 cxt_id,
    2: string calc_name,
    3: BmToeplitzHashKey key
  ) throws (1: InvalidToeplitzHashOperation ouch),

  /** Forgets entries, members, registers, counters, meters and groups. */
  void bm_reset_state(),

  /** The program that runs, as JSON. */
  binary bm_get_config(),

  /** The 16 bytes of its MD5. */
  binary bm_get_config_md5(),

  /** The id that the program gives to something. */
  i32 bm_get_id_from_name(
    1: i32 cxt_id,
    2: BmResourceType resource_type,
    3: string resource_name
  ) throws (1: InvalidIdLookup ouch),

  /** All that the control plane has set, in a form that only the same switch reads. */
  binary bm_serialize_state(),
}
