//! The syntax tree: one IDL file as written, names not yet looked up.

use crate::source::{Source, Span};
use std::sync::Arc;

/// One parsed file.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it came from.
    pub source: Arc<Source>,
    /// Documentation of the file.
    pub docs: Option<String>,
    /// `include "other.thrift"`, in order.
    pub includes: Vec<Include>,
    /// `namespace rs a.b`, in order.
    pub namespaces: Vec<Namespace>,
    /// Everything else, in order.
    pub definitions: Vec<Definition>,
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name as written, dots included.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `include "path"`.
#[derive(Debug, Clone)]
pub struct Include {
    /// The path as written.
    pub path: String,
    /// Where the path stands.
    pub span: Span,
}

/// `namespace scope name`.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// The language, or `*`.
    pub scope: String,
    /// The namespace.
    pub name: String,
    /// `(key = "value")`.
    pub annotations: Vec<Annotation>,
}

/// `key = "value"`, or `key` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The key.
    pub key: Name,
    /// The value, where one is given.
    pub value: Option<String>,
}

/// A named definition at the top of a file.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// Its doc comment.
    pub docs: Option<String>,
    /// The annotations after it.
    pub annotations: Vec<Annotation>,
    /// What it defines.
    pub body: Body,
}

/// What a definition defines.
#[derive(Debug, Clone)]
pub enum Body {
    /// `typedef type name`.
    Typedef(Type),
    /// `enum name { … }`.
    Enum(Vec<EnumValue>),
    /// `struct`, `union` or `exception`.
    Struct(StructKind, Vec<Field>),
    /// `const type name = value`.
    Const(Type, Value),
    /// `service name extends base { … }`.
    Service(Option<Name>, Vec<Method>),
}

/// The three definitions that have fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructKind {
    /// `struct`.
    Struct,
    /// `union`.
    Union,
    /// `exception`.
    Exception,
}

/// A member of an enum.
#[derive(Debug, Clone)]
pub struct EnumValue {
    /// Its name.
    pub name: Name,
    /// Its doc comment.
    pub docs: Option<String>,
    /// Its value, where one is written.
    pub value: Option<(i64, Span)>,
    /// The annotations after it.
    pub annotations: Vec<Annotation>,
}

/// How a field is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requiredness {
    /// Neither word is written.
    Default,
    /// `required`.
    Required,
    /// `optional`.
    Optional,
}

/// A field of a struct, an argument, or a declared exception.
#[derive(Debug, Clone)]
pub struct Field {
    /// The id, where one is written.
    pub id: Option<(i64, Span)>,
    /// `required` or `optional`.
    pub requiredness: Requiredness,
    /// Its type.
    pub field_type: Type,
    /// `&` was written.
    pub reference: bool,
    /// Its name.
    pub name: Name,
    /// Its default.
    pub default: Option<Value>,
    /// Its doc comment.
    pub docs: Option<String>,
    /// The annotations after it.
    pub annotations: Vec<Annotation>,
}

/// A method of a service.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its name.
    pub name: Name,
    /// `oneway` (or `async`).
    pub oneway: bool,
    /// The type of its result; none for `void`.
    pub result: Option<Type>,
    /// Its arguments.
    pub arguments: Vec<Field>,
    /// The exceptions it declares.
    pub throws: Vec<Field>,
    /// Its doc comment.
    pub docs: Option<String>,
    /// The annotations after it.
    pub annotations: Vec<Annotation>,
}

/// A type as written.
#[derive(Debug, Clone)]
pub struct Type {
    /// Which type.
    pub kind: TypeKind,
    /// Where it stands.
    pub span: Span,
    /// The annotations after it.
    pub annotations: Vec<Annotation>,
}

/// Which type.
#[derive(Debug, Clone)]
pub enum TypeKind {
    /// A type of the language.
    Base(BaseType),
    /// `list<T>`.
    List(Box<Type>),
    /// `set<T>`.
    Set(Box<Type>),
    /// `map<K, V>`.
    Map(Box<(Type, Type)>),
    /// A name to look up.
    Named(String),
}

/// The types of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the Thrift type of its name")]
pub enum BaseType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String,
    Binary,
    Uuid,
}

/// A constant as written.
#[derive(Debug, Clone)]
pub struct Value {
    /// Which value.
    pub kind: ValueKind,
    /// Where it stands.
    pub span: Span,
}

/// Which value.
#[derive(Debug, Clone)]
pub enum ValueKind {
    /// An integer.
    Int(i64),
    /// A number with a point or an exponent.
    Double(f64),
    /// A string.
    Literal(Vec<u8>),
    /// The name of a constant or an enum value, or `true` or `false`.
    Named(String),
    /// `[a, b]`.
    List(Vec<Value>),
    /// `{a: b}`.
    Map(Vec<(Value, Value)>),
}
