//! Headers that the parser extracts: of a length that the program says, or that the packet says.

use super::super::error::Result;
use super::super::expr::Names;
use super::super::json::Node;
use super::super::program::{ParserOp, Program};

/// A header, or the next of a stack, that has its length by its type.
pub(super) fn fixed(parameters: &Node<'_>, names: Names<'_>, program: &Program) -> Result<ParserOp> {
    let [target] = parameters.tuple()?;
    let (target, value) = self::target(&target, names, program)?;
    if target.is_variable(program) {
        return value.unsupported("`extract` of a header of variable length, which names no length");
    }
    Ok(match target {
        Target::Header(header) => ParserOp::Extract(header),
        Target::Stack(stack) => ParserOp::ExtractNext(stack),
    })
}

/// One whose field of variable length has so many bits.
pub(super) fn variable(parameters: &Node<'_>, names: Names<'_>, program: &Program) -> Result<ParserOp> {
    let [target, bits] = parameters.tuple()?;
    let (target, value) = self::target(&target, names, program)?;
    let bits = names.number(&bits, None)?;
    if !target.is_variable(program) {
        return value.invalid("the header has no field of variable length");
    }
    Ok(match target {
        Target::Header(header) => ParserOp::ExtractVariable(header, bits),
        Target::Stack(stack) => ParserOp::ExtractNextVariable(stack, bits),
    })
}

enum Target {
    Header(usize),
    Stack(usize),
}

fn target<'a>(node: &Node<'a>, names: Names<'_>, program: &Program) -> Result<(Target, Node<'a>)> {
    let (kind, value) = node.typed()?;
    match kind {
        "regular" => {
            let header = names.header(&value)?;
            if program.layout.headers.get(header).is_some_and(|header| header.is_metadata) {
                return value.invalid("metadata cannot be extracted");
            }
            Ok((Target::Header(header), value))
        }
        "stack" => Ok((Target::Stack(names.stack(&value)?), value)),
        other => node.unsupported(format!("extracting a `{other}`")),
    }
}

impl Target {
    fn is_variable(&self, program: &Program) -> bool {
        let layout = &program.layout;
        let kind = match *self {
            Self::Header(header) => layout.headers.get(header).map(|header| header.kind),
            Self::Stack(stack) => layout.stacks.get(stack).map(|stack| stack.kind),
        };
        kind.and_then(|kind| layout.types.get(kind)).is_some_and(|kind| kind.variable.is_some())
    }
}
