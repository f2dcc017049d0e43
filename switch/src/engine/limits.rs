//! Bounds on what a program may ask for. Each is checked when it is loaded.

/// Bytes of a JSON text.
pub const JSON_BYTES_MAX: usize = 64 << 20;
/// Bits of a field, an action parameter, a register or a constant.
pub const WIDTH_BITS_MAX: u32 = 2047;
/// Bytes of all headers and metadata together.
pub const HEADERS_BYTES_MAX: usize = 64 << 10;
/// Headers, header stacks, actions, tables, states and conditions, each.
pub const OBJECTS_MAX: usize = 65_536;
/// Bytes of all registers together.
pub const REGISTERS_BYTES_MAX: usize = 256 << 20;
/// Cells of all indirect counters together.
pub const COUNTERS_MAX: usize = 16 << 20;
/// Rates of all meters that belong to no table.
pub const METERS_MAX: usize = 1 << 20;
/// Rates of a meter.
pub const METER_RATES_MAX: usize = 16;
/// Sets of values, and transitions that ask one, each.
pub const SETS_MAX: usize = 1024;
/// Values of a set.
pub const SET_VALUES_MAX: usize = 4096;
/// Digests that go to the control plane together.
pub const SAMPLES_MAX: usize = 4096;
/// Digests of one list that were not acknowledged; of more the oldest may be sent twice.
pub const UNACKNOWLEDGED_MAX: usize = 65_536;
/// Buffers of digests that wait to be taken; further ones are lost.
pub const NOTIFICATIONS_MAX: usize = 1024;
/// Entries of a table: as in BMv2, a handle has 24 bits for them.
pub const ENTRIES_MAX: usize = 0x00ff_ffff;
/// Bytes of a table's key.
pub const KEY_BYTES_MAX: usize = 4096;
/// Members, and groups, of an action profile.
pub const MEMBERS_MAX: usize = 1 << 20;
/// States that one packet may visit in the parser; the next is a parser error.
pub const PARSER_STEPS_MAX: usize = 1024;
/// Passes (of ingress, or of egress) that one packet and its copies may make; what is left then is dropped.
pub const PASSES_MAX: usize = 4096;
/// Highest number of a mirroring session, as in BMv2.
pub const MIRROR_SESSION_MAX: u32 = 0x7fff;
/// Multicast groups, and nodes, each.
pub const MULTICAST_MAX: usize = 65_536;
/// Ports of one multicast node: BMv2's port maps have 256 in tree, this takes 512 (the width of a port in v1model).
pub const NODE_PORTS_MAX: usize = 512;
