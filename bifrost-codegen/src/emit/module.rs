//! The module that is being emitted: what its names mean and what it imports.

use super::boxes::Boxes;
use super::containers::Containers;
use super::layout::Type;
use super::options::Options;
use super::program::{FileNames, Program, ServiceNames};
use crate::references::References;
use crate::schema::{File, Id, Schema};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What holds for all modules of a run.
pub(super) struct Whole<'a> {
    pub(super) schema: &'a Schema,
    pub(super) options: &'a Options,
    pub(super) program: Program,
    pub(super) boxes: Boxes,
    pub(super) containers: Containers,
    pub(super) references: References,
}

impl<'a> Whole<'a> {
    pub(super) fn new(schema: &'a Schema, options: &'a Options) -> Self {
        Self {
            schema,
            options,
            program: Program::new(schema, options.layout),
            boxes: Boxes::new(schema, options),
            containers: Containers::new(schema, options),
            references: References::new(schema),
        }
    }
}

pub(super) struct Module<'a> {
    pub(super) schema: &'a Schema,
    pub(super) options: &'a Options,
    pub(super) program: &'a Program,
    pub(super) boxes: &'a Boxes,
    pub(super) containers: &'a Containers,
    pub(super) references: &'a References,
    pub(super) index: usize,
    /// Imported paths by the names they have here.
    pub(super) imports: RefCell<BTreeMap<String, String>>,
    /// Lints that names and shapes of the IDL may offend against.
    pub(super) lints: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Module<'a> {
    pub(super) fn new(whole: &'a Whole<'a>, index: usize) -> Self {
        let Whole { schema, options, program, boxes, containers, references } = whole;
        let (imports, lints) = (RefCell::default(), RefCell::default());
        Self { schema, options, program, boxes, containers, references, index, imports, lints }
    }

    pub(super) fn file(&self) -> &'a File {
        &self.schema.files[self.index]
    }

    fn names(&self) -> &'a FileNames {
        self.program.file(self.index)
    }

    pub(super) fn id(&self, index: usize) -> Id {
        Id { file: self.index, index }
    }

    pub(super) fn lint(&self, lint: &'static str) {
        self.lints.borrow_mut().insert(lint);
    }

    /// A type of the standard prelude; its path, if a type of this module has its name.
    pub(super) fn std_type(&self, name: &'static str) -> String {
        let path = match name {
            _ if !self.names().types.contains(name) => return name.to_owned(),
            "Option" => "std::option::Option",
            "Result" => "std::result::Result",
            "String" => "std::string::String",
            "Vec" => "std::vec::Vec",
            "Box" => "std::boxed::Box",
            "Default" => "std::default::Default",
            "From" => "std::convert::From",
            "Into" => "std::convert::Into",
            "Send" => "std::marker::Send",
            "Sync" => "std::marker::Sync",
            other => return format!("std::primitive::{other}"),
        };
        path.to_owned()
    }

    /// `Some`, `None`, `Ok` or `Err`; its path, if a value of this module has its name.
    pub(super) fn std_value(&self, name: &'static str) -> String {
        match name {
            _ if !self.names().values.contains(name) => name.to_owned(),
            "Some" | "None" => format!("{}::{name}", self.std_type("Option")),
            _ => format!("{}::{name}", self.std_type("Result")),
        }
    }

    /// `value.into()`.
    pub(super) fn into(&self, value: &str) -> String {
        match self.std_type("Into").as_str() {
            "Into" => format!("{value}.into()"),
            path => format!("{path}::into({value})"),
        }
    }

    /// `text.to_owned()` of a string literal.
    pub(super) fn owned(&self, literal: &str) -> String {
        match self.names().types.contains("ToOwned") {
            false => format!("{literal}.to_owned()"),
            true => format!("std::borrow::ToOwned::to_owned({literal})"),
        }
    }

    /// A type parameter that shadows no type of this module.
    pub(super) fn generic(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.names().types.contains(&name) {
            name.push('_');
        }
        name
    }

    /// Something outside of this module: its name, imported; a longer path, if the name means something else here.
    pub(super) fn import(&self, path: &str) -> String {
        let Some((parent, name)) = path.rsplit_once("::") else {
            return path.to_owned();
        };
        let is_free = !self.names().types.contains(name) && !self.names().values.contains(name);
        if is_free {
            let mut imports = self.imports.borrow_mut();
            let imported = imports.entry(name.to_owned()).or_insert_with(|| path.to_owned());
            if imported == path {
                return name.to_owned();
            }
        }
        // A crate or `super` is always at hand; a module may be imported.
        match parent.contains("::") {
            true => format!("{}::{name}", self.import(parent)),
            false => path.to_owned(),
        }
    }

    /// Something of the runtime.
    pub(super) fn runtime(&self, path: &str) -> String {
        self.import(&format!("{}::{path}", self.options.runtime))
    }

    pub(super) fn protocol(&self, name: &str) -> String {
        self.runtime(&format!("protocol::{name}"))
    }

    /// Something of the `thrift` crate, by the path it has there.
    pub(super) fn thrift(&self, path: &str) -> String {
        format!("{}::{path}", self.runtime("thrift"))
    }

    pub(super) fn thrift_protocol(&self, name: &str) -> String {
        self.runtime(&format!("thrift::protocol::{name}"))
    }

    /// `thrift::Result<of>`.
    pub(super) fn result(&self, of: Type) -> Type {
        Type::of(self.thrift("Result"), vec![of])
    }

    /// A name of another file's module, or of this one.
    pub(super) fn sibling(&self, file: usize, name: &str) -> String {
        if file == self.index {
            return name.to_owned();
        }
        let module = self.import(&self.program.route(self.index, file));
        format!("{module}::{name}")
    }

    /// The Rust name of a definition, with its module if it is another's.
    pub(super) fn name(&self, id: Id) -> String {
        self.sibling(id.file, self.program.definition(id))
    }

    pub(super) fn service_names(&self, id: Id) -> &'a ServiceNames {
        self.program.service(id)
    }
}
