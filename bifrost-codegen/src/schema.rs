//! What a set of IDL files means: names looked up, ids and values assigned, constants evaluated.

use crate::syntax::ast::{Annotation, Requiredness, StructKind};
use std::path::PathBuf;

/// All files of a run. A file stands after those it includes.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The files.
    pub files: Vec<File>,
}

/// One IDL file.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it was read.
    pub path: PathBuf,
    /// Its name without `.thrift`.
    pub program: String,
    /// The directories it lies in, below the include directory where it was found, or else below the directory that
    /// all other files of the run share.
    pub directory: Vec<String>,
    /// Its documentation.
    pub docs: Option<String>,
    /// `(scope, name)` of its namespaces.
    pub namespaces: Vec<(String, String)>,
    /// The files it includes, as indices into [`Schema::files`].
    pub includes: Vec<usize>,
    /// Its definitions, in order.
    pub definitions: Vec<Definition>,
}

/// A definition: a file and an index into [`File::definitions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Index into [`Schema::files`].
    pub file: usize,
    /// Index into [`File::definitions`].
    pub index: usize,
}

/// A named definition.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its name in the IDL.
    pub name: String,
    /// The line of its name in its file, counted from 1.
    pub line: usize,
    /// Its doc comment.
    pub docs: Option<String>,
    /// Its annotations.
    pub annotations: Vec<Annotation>,
    /// What it defines.
    pub item: Item,
}

/// What a definition defines.
#[derive(Debug, Clone)]
pub enum Item {
    /// Another name for a type.
    Typedef(Type),
    /// An enum.
    Enum(Vec<EnumValue>),
    /// A struct, union or exception.
    Struct(Struct),
    /// A constant.
    Const(Type, Value),
    /// A service.
    Service(Service),
}

/// A member of an enum.
#[derive(Debug, Clone)]
pub struct EnumValue {
    /// Its name in the IDL.
    pub name: String,
    /// Its doc comment.
    pub docs: Option<String>,
    /// Its number.
    pub value: i32,
}

/// A struct, union or exception.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Which of the three.
    pub kind: StructKind,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

/// A field of a struct, an argument, or a declared exception.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in the IDL.
    pub name: String,
    /// Its doc comment.
    pub docs: Option<String>,
    /// Its id on the wire.
    pub id: i16,
    /// How it is required.
    pub requiredness: Requiredness,
    /// Its type.
    pub field_type: Type,
    /// `&` was written: the author wants it behind a pointer.
    pub reference: bool,
    /// Its default.
    pub default: Option<Value>,
    /// `(bifrost.ref)`: it may travel as a global pointer.
    pub by_reference: bool,
    /// Its annotations.
    pub annotations: Vec<Annotation>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// The service it extends.
    pub extends: Option<Id>,
    /// Its own methods, in order.
    pub methods: Vec<Method>,
}

/// A method of a service.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its name in the IDL.
    pub name: String,
    /// The line of its name in the file of the service that declares it, counted from 1.
    pub line: usize,
    /// Its doc comment.
    pub docs: Option<String>,
    /// No answer is sent.
    pub oneway: bool,
    /// The type of its result; none for `void`.
    pub result: Option<Type>,
    /// `(bifrost.ref)` on the result.
    pub result_by_reference: bool,
    /// Its arguments.
    pub arguments: Vec<Field>,
    /// The exceptions it declares.
    pub throws: Vec<Field>,
    /// `(bifrost.short)`.
    pub short: bool,
    /// `(bifrost.idempotent)`.
    pub idempotent: bool,
    /// `(bifrost.on_failure = "…")`.
    pub on_failure: Option<OnFailure>,
    /// Its annotations.
    pub annotations: Vec<Annotation>,
}

/// What becomes of the callers of a method when its callee dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The callee is restarted from its checkpoint.
    Recover,
    /// Those who share the call fail with it.
    FateShare,
    /// So does whoever has read memory that it wrote.
    Tainted,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the base types are the Thrift types of their names")]
pub enum Type {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String,
    Binary,
    Uuid,
    /// `list<T>`.
    List(Box<Type>),
    /// `set<T>`.
    Set(Box<Type>),
    /// `map<K, V>`.
    Map(Box<(Type, Type)>),
    /// An element of a list, or a value of a map, marked `(bifrost.ref)`. When Rust is emitted also a field, an argument or a
    /// result.
    Ref(Box<Type>),
    /// A typedef.
    Typedef(Id),
    /// An enum.
    Enum(Id),
    /// A struct, union or exception.
    Struct(Id),
}

/// An evaluated constant; it fits its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// `i8` to `i64`.
    Int(i64),
    /// `double`.
    Double(f64),
    /// `string`.
    String(String),
    /// `binary`.
    Binary(Vec<u8>),
    /// `uuid`, its bytes in network order.
    Uuid(u128),
    /// A number of an enum.
    Enum(i32),
    /// `list` or `set`.
    List(Vec<Value>),
    /// `map`.
    Map(Vec<(Value, Value)>),
    /// A struct or exception: the fields that are given, by index; a union: its one field.
    Struct(Vec<(usize, Value)>),
}

impl Schema {
    /// A definition.
    ///
    /// # Panics
    ///
    /// The id is of another schema.
    #[must_use]
    pub fn definition(&self, id: Id) -> &Definition {
        &self.files[id.file].definitions[id.index]
    }

    /// The type behind any typedefs.
    #[must_use]
    pub fn actual<'a>(&'a self, mut of: &'a Type) -> &'a Type {
        while let Type::Typedef(id) = of {
            let Item::Typedef(aliased) = &self.definition(*id).item else {
                break;
            };
            of = aliased;
        }
        of
    }

    /// The type of the value: what is behind typedefs and `(bifrost.ref)`.
    #[must_use]
    pub fn value_type<'a>(&'a self, of: &'a Type) -> &'a Type {
        match self.actual(of) {
            Type::Ref(value) => self.actual(value),
            other => other,
        }
    }

    /// The struct of an id.
    #[must_use]
    pub fn struct_of(&self, id: Id) -> Option<&Struct> {
        match &self.definition(id).item {
            Item::Struct(found) => Some(found),
            _ => None,
        }
    }

    /// The service of an id.
    #[must_use]
    pub fn service_of(&self, id: Id) -> Option<&Service> {
        match &self.definition(id).item {
            Item::Service(found) => Some(found),
            _ => None,
        }
    }

    /// A service and those it extends, itself first.
    pub fn ancestry(&self, service: Id) -> impl Iterator<Item = (Id, &Service)> {
        let find = |id: Id| self.service_of(id).map(|service| (id, service));
        std::iter::successors(find(service), move |(_, service)| service.extends.and_then(find))
    }
}
