//! From text to syntax tree: the lexer, the parser, the tree.

pub mod ast;
mod definitions;
mod lexer;
mod parser;
mod token;
mod types;
mod values;

pub use parser::parse;
