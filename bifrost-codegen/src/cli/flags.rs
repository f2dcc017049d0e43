//! The flags that say what is generated.

use crate::compile::Outputs;
use crate::emit::{Binary, Boxing, Layout, Maps, Options, Unions};
use clap::ValueEnum;

/// What a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// Rust modules.
    Rust,
    /// The rule manifest, `manifest.json`: services, methods, their 16-byte fields, references, policies.
    Manifest,
}

/// What is generated.
#[derive(Debug, Clone, clap::Args)]
pub struct Flags {
    /// What to write; may be given twice, or as a list
    #[arg(long, value_enum, value_delimiter = ',', default_value = "rust", value_name = "WHAT")]
    pub emit: Vec<Emit>,

    /// Which files the modules stand in
    #[arg(long, value_enum, default_value_t, value_name = "LAYOUT")]
    pub layout: Layout,

    /// The Rust types of `map` and `set`
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub maps: Maps,

    /// The Rust type of `binary`
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    pub binary: Binary,

    /// Which fields are boxed
    #[arg(long, value_enum, default_value_t, value_name = "RULE")]
    pub boxing: Boxing,

    /// What a union makes of a field that it does not know
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub unions: Unions,

    /// For code written for Apache's generator: `--boxing apache --unions closed`
    #[arg(long, conflicts_with_all = ["boxing", "unions"])]
    pub apache: bool,

    /// Structs and exceptions keep fields that they do not know, and write them back
    #[arg(long)]
    pub unknown_fields: bool,

    /// Derive `serde::Serialize` and `serde::Deserialize`; `bifrost-rpc` needs its feature `serde`
    #[arg(long)]
    pub serde: bool,

    /// Path of a further trait that every type derives; may be given more than once, or as a list
    #[arg(long = "derive", value_delimiter = ',', value_name = "PATH")]
    pub derives: Vec<String>,

    /// Further attribute of every type, without `#[` and `]`; may be given more than once
    #[arg(long = "attribute", value_name = "ATTRIBUTE")]
    pub attributes: Vec<String>,

    /// Path of the runtime crate in generated code
    #[arg(long, default_value = "bifrost_rpc", value_name = "PATH")]
    pub runtime: String,
}

impl Flags {
    pub(super) fn options(&self) -> Options {
        let mut options = Options::default();
        options.runtime.clone_from(&self.runtime);
        options.maps = self.maps;
        options.binary = self.binary;
        options.boxing = self.boxing;
        options.unions = self.unions;
        options.unknown_fields = self.unknown_fields;
        options.serde = self.serde;
        options.derives.clone_from(&self.derives);
        options.attributes.clone_from(&self.attributes);
        options.layout = self.layout;
        if self.apache {
            options.set_apache();
        }
        options
    }

    pub(super) fn outputs(&self) -> Outputs {
        Outputs { rust: self.emit.contains(&Emit::Rust), manifest: self.emit.contains(&Emit::Manifest) }
    }
}
