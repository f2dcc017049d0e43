//! From a [`Schema`] to Rust: total, ordered, in memory.

mod constants;
mod docs;
mod enums;
mod header;
mod layout;
mod module;
mod names;
mod program;
mod recursion;
mod service;
mod structs;
mod types;
mod unions;
mod values;

use crate::schema::{Item, Schema};
use crate::syntax::ast::StructKind;
use layout::Code;
use module::Module;
use program::Program;
use recursion::Recursion;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the emitter may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    runtime: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { runtime: "bifrost_rpc".to_owned() }
    }
}

impl Options {
    /// The path of the runtime crate in generated code. Default `bifrost_rpc`.
    pub fn runtime(&mut self, path: impl Into<String>) -> &mut Self {
        self.runtime = path.into();
        self
    }
}

/// Emits one module for each file of the schema, named after the file.
#[must_use]
pub fn emit(schema: &Schema, options: &Options) -> BTreeMap<PathBuf, String> {
    let program = Program::new(schema);
    let recursion = Recursion::new(schema);
    (0..schema.files.len())
        .map(|file| {
            let module = Module::new(schema, options, &program, &recursion, file);
            let path = PathBuf::from(format!("{}.rs", program.module(file)));
            (path, emit_file(&module))
        })
        .collect()
}

/// The module names of the files, in order of emission.
#[must_use]
pub(crate) fn module_names(schema: &Schema) -> Vec<String> {
    let program = Program::new(schema);
    (0..schema.files.len()).map(|file| program.module(file).to_owned()).collect()
}

fn emit_file(module: &Module<'_>) -> String {
    let mut code = Code::default();
    for (index, definition) in module.file().definitions.iter().enumerate() {
        code.blank();
        match &definition.item {
            Item::Typedef(of) => module.typedef(&mut code, index, of),
            Item::Enum(values) => module.enumeration(&mut code, index, values),
            Item::Struct(s) if s.kind == StructKind::Union => module.union(&mut code, index, s),
            Item::Struct(s) => module.structure(&mut code, index, s),
            Item::Const(of, value) => module.constant(&mut code, index, of, value),
            Item::Service(service) => module.service(&mut code, index, service),
        }
    }
    // The header comes last, when it is known what the body imports.
    module.header() + &code.into_text()
}
