//! What a memory server is told at its making.

use crate::checks::Checks;
use bifrost_rpc::memory::PREFIX_DEFAULT;

/// Steps of a batch at most.
pub const BATCH_STEPS_MAX: usize = 64;

/// Limits of a memory server. [`Config::default`] suits a server of 1 GiB.
#[derive(Debug, Clone)]
pub struct Config {
    /// The prefix byte of the rack's memory. Default 0xfd.
    pub prefix: u8,
    /// This server's number in the rack. Default 1.
    pub server: u8,
    /// The boot number, which no earlier life of this server has had. Default 1, which suits tests only.
    pub boot: u32,
    /// Nodes are not protected from each other: any may read, write and free anything. Default false.
    pub open: bool,
    /// Bytes for objects, staged writes, replaced versions and what is kept about them. Default 1 GiB.
    pub capacity_bytes: u64,
    /// Largest object, in bytes. Default 1 GiB.
    pub object_bytes_max: u64,
    /// Objects at most. Default 1,048,576; each takes 512 bytes beside its own.
    pub objects_max: usize,
    /// Bytes of objects that one incarnation of a node may control. Default: no limit but the capacity.
    pub holder_bytes_max: u64,
    /// Bytes of replaced versions that readers may hold before writes are refused. Default 256 MiB.
    pub pinned_bytes_max: u64,
    /// Clients at most. Default 4,096.
    pub clients_max: usize,
    /// Outcomes are kept, so that a copy of an operation finds the first one's. A transport that hands on each operation
    /// once needs none. Default true.
    pub keeps_outcomes: bool,
    /// Operations of one client whose outcome is kept at most. Default 4,096.
    pub records_max: usize,
    /// Operations of one client that wait for an earlier write at most. Default 256.
    pub waiting_max: usize,
    /// Writes of one client that are being staged at most. Default 256.
    pub staged_max: usize,
    /// Nodes whose ended incarnations are remembered at most. Default 65,536.
    pub nodes_max: usize,
    /// Leases at most. Default 1,048,576.
    pub leases_max: usize,
    /// Snapshots at most, and objects in all of them together. Default 65,536.
    pub snapshots_max: usize,
    /// Whole-object writes of fewer bytes are copied into the memory there is, if nobody reads it. Default 4 KiB.
    pub adopt_bytes_min: usize,
    /// Reads of as many bytes at most are copied, which is less work than to hold on to the version read; none where outcomes
    /// are kept, whose memory would be accounted for by nobody. Default 4 KiB.
    pub copied_bytes_max: usize,
    /// Bytes that a small write to a version being read copies at most: a multiple of it is what is read in one piece.
    /// Default, and at most, 256 KiB.
    pub chunk_bytes: usize,
    /// Which safety checks are made: all, outside simulations.
    pub checks: Checks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: PREFIX_DEFAULT,
            server: 1,
            boot: 1,
            open: false,
            capacity_bytes: 1 << 30,
            object_bytes_max: 1 << 30,
            objects_max: 1 << 20,
            holder_bytes_max: u64::MAX,
            pinned_bytes_max: 256 << 20,
            clients_max: 4096,
            keeps_outcomes: true,
            records_max: 4096,
            waiting_max: 256,
            staged_max: 256,
            nodes_max: 1 << 16,
            leases_max: 1 << 20,
            snapshots_max: 1 << 16,
            adopt_bytes_min: 4096,
            copied_bytes_max: 4096,
            chunk_bytes: crate::content::CHUNK_BYTES,
            checks: Checks::default(),
        }
    }
}
