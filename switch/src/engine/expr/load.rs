//! Expressions and places from the JSON.

use std::collections::HashMap;

use super::super::bits::Slot;
use super::super::error::Result;
use super::super::json::Node;
use super::super::layout::{Field, Layout};
use super::{Binary, Expr, Tree, Unary};

/// What names mean where an expression stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) layout: &'a Layout,
    /// Index and width of each register array.
    pub(crate) registers: &'a HashMap<String, (usize, u32)>,
    /// The parameters of the action.
    pub(crate) parameters: &'a [Slot],
}

/// A header, or an element of a stack.
#[derive(Clone, Debug)]
pub(crate) enum Element {
    Header(usize),
    Of(usize, Tree),
}

/// What can be assigned to.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Field(Slot),
    Element(usize, Slot, Box<Expr>),
    Last(usize, Slot),
    Register(usize, u32, Box<Expr>),
}

impl Place {
    /// The low bits of a value that matter; all where it is clamped.
    pub(crate) fn demand(&self) -> Option<u32> {
        match self {
            Self::Field(slot) | Self::Element(_, slot, _) | Self::Last(_, slot) => {
                (!slot.saturating).then_some(slot.width)
            }
            Self::Register(_, width, _) => Some(*width),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Boolean,
}

impl Names<'_> {
    /// An expression with a number, compiled for the low `demand` bits, or all.
    pub(crate) fn number(&self, node: &Node<'_>, demand: Option<u32>) -> Result<Expr> {
        Expr::compile(&self.tree(node)?, demand, node)
    }

    /// An expression with a boolean.
    pub(crate) fn condition(&self, node: &Node<'_>) -> Result<Expr> {
        Expr::compile(&self.typed(node, Kind::Boolean)?, None, node)
    }

    /// An expression with a number.
    pub(crate) fn tree(&self, node: &Node<'_>) -> Result<Tree> {
        self.typed(node, Kind::Number)
    }

    fn typed(&self, node: &Node<'_>, kind: Kind) -> Result<Tree> {
        match (self.any(node)?, kind) {
            ((tree, found), kind) if found == kind => Ok(tree),
            (_, Kind::Number) => node.invalid("a number expected, not a boolean"),
            (_, Kind::Boolean) => node.invalid("a boolean expected, not a number"),
        }
    }

    pub(crate) fn header(&self, node: &Node<'_>) -> Result<usize> {
        let name = node.str()?;
        self.layout.header_names.get(name).copied().map_or_else(|| node.unknown("header", name), Ok)
    }

    pub(crate) fn stack(&self, node: &Node<'_>) -> Result<usize> {
        let name = node.str()?;
        self.layout.stack_names.get(name).copied().map_or_else(|| node.unknown("header stack", name), Ok)
    }

    /// The slot of a field given as header and name.
    pub(crate) fn field(&self, node: &Node<'_>) -> Result<Slot> {
        let [header, name] = node.tuple()?;
        if self.variable(node)?.is_some() {
            return name.unsupported("a field of variable length as a number");
        }
        let found = self.layout.field(self.header(&header)?, name.str()?);
        found.map_or_else(|| name.unknown("field", name.str().unwrap_or_default()), Ok)
    }

    /// The header whose field of variable length this is.
    pub(crate) fn variable(&self, node: &Node<'_>) -> Result<Option<usize>> {
        let [header, name] = node.tuple()?;
        let header = self.header(&header)?;
        Ok(self.layout.is_variable(header, name.str()?).then_some(header))
    }

    pub(crate) fn union(&self, node: &Node<'_>) -> Result<usize> {
        let name = node.str()?;
        self.layout.union_names.get(name).copied().map_or_else(|| node.unknown("header union", name), Ok)
    }

    /// The header whose validity a field `$valid$` stands for.
    pub(crate) fn validity(&self, node: &Node<'_>) -> Result<Option<usize>> {
        let [header, name] = node.tuple()?;
        if name.str()? == "$valid$" { self.header(&header).map(Some) } else { Ok(None) }
    }

    fn last(&self, node: &Node<'_>) -> Result<(usize, Slot)> {
        let [stack, name] = node.tuple()?;
        let stack = self.stack(&stack)?;
        let is_meant = |field: &&Field| Some(field.name.as_str()) == name.value.as_str() && !field.is_variable;
        let found = self.fields(stack).iter().find(is_meant);
        found.map_or_else(|| name.unknown("field", name.str().unwrap_or_default()), |field| Ok((stack, field.slot)))
    }

    fn fields(&self, stack: usize) -> &[Field] {
        let kind = self.layout.stacks.get(stack).and_then(|stack| self.layout.types.get(stack.kind));
        kind.map_or(&[], |kind| &kind.fields)
    }

    /// Array and index of a register reference.
    fn register(&self, node: &Node<'_>) -> Result<(usize, u32, Tree)> {
        let [name, index] = node.tuple()?;
        let Some(&(array, width)) = self.registers.get(name.str()?) else {
            return name.unknown("register array", name.str()?);
        };
        Ok((array, width, self.tree(&index)?))
    }

    fn any(&self, node: &Node<'_>) -> Result<(Tree, Kind)> {
        let (kind, value) = node.typed()?;
        let tree = match kind {
            "expression" if value.has("op") => return self.operation(&value),
            "expression" => return self.any(&value),
            "bool" => {
                let wide = super::Wide::default().push_digit(u32::from(value.bool()?));
                return Ok((Tree::Constant(Box::new(wide)), Kind::Boolean));
            }
            "hexstr" => Tree::Constant(Box::new(value.number()?)),
            "field" => match self.validity(&value)? {
                Some(header) => Tree::Valid(header),
                None => Tree::Field(self.field(&value)?),
            },
            "local" | "runtime_data" => {
                let found = self.parameters.get(value.size()?);
                found.map_or_else(|| value.unknown("action parameter", value.value), |&slot| Ok(Tree::Local(slot)))?
            }
            "stack_field" => {
                let (stack, slot) = self.last(&value)?;
                Tree::Last(stack, slot)
            }
            "register" => {
                let (array, width, index) = self.register(&value)?;
                Tree::Register(array, width, Box::new(index))
            }
            other => return node.unsupported(format!("a value of type `{other}` in an expression")),
        };
        Ok((tree, Kind::Number))
    }

    fn operation(&self, node: &Node<'_>) -> Result<(Tree, Kind)> {
        let name = node.get("op")?.str()?;
        let number = |tree| Ok((tree, Kind::Number));
        let boolean = |tree| Ok((tree, Kind::Boolean));
        let right = || node.get("right");
        let unary = |op, operand| Tree::Unary(op, Box::new(operand));
        match name {
            "not" => boolean(unary(Unary::Negate, self.typed(&right()?, Kind::Boolean)?)),
            "~" => number(unary(Unary::Invert, self.tree(&right()?)?)),
            "d2b" => boolean(unary(Unary::Truth, self.tree(&right()?)?)),
            "b2d" => number(self.typed(&right()?, Kind::Boolean)?),
            "two_comp_mod" => number(unary(Unary::Wrap(cast_width(node)?), self.tree(&node.get("left")?)?)),
            "sat_cast" => number(unary(Unary::Clamp(cast_width(node)?), self.tree(&node.get("left")?)?)),
            "usat_cast" => number(unary(Unary::ClampUnsigned(cast_width(node)?), self.tree(&node.get("left")?)?)),
            "valid" => boolean(match self.element(&right()?)? {
                Element::Header(header) => Tree::Valid(header),
                Element::Of(stack, index) => Tree::ElementValid(stack, Box::new(index)),
            }),
            "valid_union" => boolean(self.union_valid(&right()?)?),
            "?" => self.choice(node),
            "last_stack_index" => number(Tree::LastIndex(self.whole_stack(&right()?)?)),
            "size_stack" => number(Tree::Size(self.whole_stack(&right()?)?)),
            "access_field" => number(self.access(node)?),
            "==" | "!=" => self.comparison(node, name),
            _ => self.binary(node, name),
        }
    }

    /// Whether a member of a union is.
    fn union_valid(&self, node: &Node<'_>) -> Result<Tree> {
        let (kind, value) = node.typed()?;
        if kind != "header_union" {
            return node.unsupported(format!("`{kind}` as a header union"));
        }
        let members = self.layout.unions.get(self.union(&value)?).into_iter().flatten();
        let either = |one, other| Tree::Binary(Binary::Either, Box::new(one), Box::new(other));
        let valid = members.map(|&member| Tree::Valid(member)).reduce(either);
        valid.map_or_else(|| value.invalid("a header union without headers"), Ok)
    }

    fn choice(&self, node: &Node<'_>) -> Result<(Tree, Kind)> {
        let condition = self.typed(&node.get("cond")?, Kind::Boolean)?;
        let (left, kind) = self.any(&node.get("left")?)?;
        let right = self.typed(&node.get("right")?, kind)?;
        Ok((Tree::Choice(Box::new([condition, left, right])), kind))
    }

    fn whole_stack(&self, node: &Node<'_>) -> Result<usize> {
        match node.typed()? {
            ("header_stack", value) => self.stack(&value),
            ("expression", value) => self.whole_stack(&value),
            (other, _) => node.unsupported(format!("`{other}` as a header stack")),
        }
    }

    /// A header as an operand.
    pub(crate) fn element(&self, node: &Node<'_>) -> Result<Element> {
        let (kind, value) = node.typed()?;
        match kind {
            "header" => Ok(Element::Header(self.header(&value)?)),
            "expression" if !value.has("op") => self.element(&value),
            "expression" => match value.get("op")?.str()? {
                "dereference_header_stack" | "dereference_stack" => {
                    let stack = self.whole_stack(&value.get("left")?)?;
                    Ok(Element::Of(stack, self.tree(&value.get("right")?)?))
                }
                other => value.unsupported(format!("operation `{other}` as a header")),
            },
            other => node.unsupported(format!("`{other}` as a header")),
        }
    }

    fn access(&self, node: &Node<'_>) -> Result<Tree> {
        let (element, right) = (self.element(&node.get("left")?)?, node.get("right")?);
        let offset = right.size()?;
        let missing = || right.unknown("field", offset);
        match element {
            Element::Header(header) => {
                let Some(found) = self.layout.headers.get(header) else { return missing() };
                let field = self.layout.types.get(found.kind).and_then(|kind| kind.fields.get(offset));
                let field = field.filter(|field| !field.is_variable);
                field.map_or_else(missing, |field| Ok(Tree::Field(field.slot.shifted(found.first))))
            }
            Element::Of(stack, index) => {
                let field = self.fields(stack).get(offset).filter(|field| !field.is_variable);
                field.map_or_else(missing, |field| Ok(Tree::Element(stack, field.slot, Box::new(index))))
            }
        }
    }

    fn comparison(&self, node: &Node<'_>, name: &str) -> Result<(Tree, Kind)> {
        let (left, right) = (node.get("left")?, node.get("right")?);
        let compared = |same| if name == "==" { same } else { Tree::Unary(Unary::Negate, Box::new(same)) };
        if left.get("type")?.str()? == "header" {
            let (Element::Header(a), Element::Header(b)) = (self.element(&left)?, self.element(&right)?) else {
                return node.unsupported("comparing an element of a header stack");
            };
            return Ok((compared(Tree::SameHeader(a, b)), Kind::Boolean));
        }
        if let (Some(a), Some(b)) = (self.operand_variable(&left)?, self.operand_variable(&right)?) {
            return Ok((compared(Tree::SameVariable(a, b)), Kind::Boolean));
        }
        let (a, kind) = self.any(&left)?;
        let b = self.typed(&right, kind)?;
        let op = if name == "==" { Binary::Equal } else { Binary::Unequal };
        Ok((Tree::Binary(op, Box::new(a), Box::new(b)), Kind::Boolean))
    }

    /// The header whose field of variable length an operand is.
    fn operand_variable(&self, node: &Node<'_>) -> Result<Option<usize>> {
        match node.typed()? {
            ("field", value) => self.variable(&value),
            _ => Ok(None),
        }
    }

    fn binary(&self, node: &Node<'_>, name: &str) -> Result<(Tree, Kind)> {
        let (op, operands, result) = match name {
            "+" => (Binary::Add, Kind::Number, Kind::Number),
            "-" => (Binary::Subtract, Kind::Number, Kind::Number),
            "*" => (Binary::Multiply, Kind::Number, Kind::Number),
            "/" => (Binary::Divide, Kind::Number, Kind::Number),
            "%" => (Binary::Modulo, Kind::Number, Kind::Number),
            "<<" => (Binary::ShiftLeft, Kind::Number, Kind::Number),
            ">>" => (Binary::ShiftRight, Kind::Number, Kind::Number),
            "&" => (Binary::And, Kind::Number, Kind::Number),
            "|" => (Binary::Or, Kind::Number, Kind::Number),
            "^" => (Binary::Xor, Kind::Number, Kind::Number),
            "<" => (Binary::Less, Kind::Number, Kind::Boolean),
            "<=" => (Binary::LessOrEqual, Kind::Number, Kind::Boolean),
            ">" => (Binary::Greater, Kind::Number, Kind::Boolean),
            ">=" => (Binary::GreaterOrEqual, Kind::Number, Kind::Boolean),
            "and" => (Binary::Both, Kind::Boolean, Kind::Boolean),
            "or" => (Binary::Either, Kind::Boolean, Kind::Boolean),
            other => return node.unsupported(format!("operation `{other}`")),
        };
        let left = match node.find("left")? {
            Some(left) => self.typed(&left, operands)?,
            // A sign.
            None if matches!(op, Binary::Add | Binary::Subtract) => Tree::Constant(Box::default()),
            None => return node.invalid(format!("operation `{name}` without a left side")),
        };
        let right = self.typed(&node.get("right")?, operands)?;
        Ok((Tree::Binary(op, Box::new(left), Box::new(right)), result))
    }

    /// What an assignment writes.
    pub(crate) fn place(&self, node: &Node<'_>) -> Result<Place> {
        let (kind, value) = node.typed()?;
        if kind == "field" && self.validity(&value)?.is_some() {
            return node.unsupported("an assignment to `$valid$`");
        }
        let index = |tree: &Tree| Expr::compile(tree, None, node).map(Box::new);
        match kind {
            "field" => Ok(Place::Field(self.field(&value)?)),
            "expression" if !value.has("op") => self.place(&value),
            "stack_field" => self.last(&value).map(|(stack, slot)| Place::Last(stack, slot)),
            "register" => {
                let (array, width, tree) = self.register(&value)?;
                Ok(Place::Register(array, width, index(&tree)?))
            }
            "expression" => match self.operation(&value)?.0 {
                Tree::Field(slot) => Ok(Place::Field(slot)),
                Tree::Element(stack, slot, tree) => Ok(Place::Element(stack, slot, index(&tree)?)),
                _ => node.invalid("this cannot be assigned to"),
            },
            other => node.unsupported(format!("an assignment to `{other}`")),
        }
    }
}

/// The width that a cast names as its right side.
fn cast_width(node: &Node<'_>) -> Result<u32> {
    let right = node.get("right")?;
    let ("hexstr", value) = right.typed()? else { return right.unsupported("a cast to a width that is computed") };
    let width = value.number()?.small().and_then(|width| u32::try_from(width).ok()).unwrap_or(u32::MAX);
    value.limit("bits", width as usize, super::super::limits::WIDTH_BITS_MAX as usize)?;
    if width == 0 { value.invalid("a cast to 0 bits") } else { Ok(width) }
}
