//! Limits on messages, for every command that reads them.

use crate::units;
use bifrost_rpc::protocol::Limits;

/// What a message may make its reader do.
#[derive(Debug, clap::Args)]
pub(crate) struct Bounds {
    /// Longest message sent or taken
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = units::size)]
    max_message: u32,

    /// Longest string or binary in a message
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = units::size)]
    max_string: u32,

    /// Most elements or entries of a container in a message
    #[arg(long, value_name = "N", default_value = "67108864", value_parser = clap::value_parser!(u32).range(1..))]
    max_container: u32,

    /// Structs and containers inside one another
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    max_depth: u8,
}

impl Bounds {
    /// The limits that they are.
    pub(crate) fn limits(&self) -> Limits {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Limits::DEFAULT
            .with_message_bytes_max(number(self.max_message))
            .with_string_bytes_max(number(self.max_string))
            .with_container_len_max(number(self.max_container))
            .with_depth_max(self.max_depth)
    }
}
