//! Actions and their primitives.

use super::super::bits::Slot;
use super::super::error::Result;
use super::super::expr::{Element, Expr, Names, Place, Tree, simplified};
use super::super::int::Num;
use super::super::json::Node;
use super::super::limits::{OBJECTS_MAX, WIDTH_BITS_MAX};
use super::super::program::{Action, HeaderRef, Primitive, Program};
use super::Known;

pub(super) fn load(root: &Node<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    for node in root.get("actions")?.items()? {
        let action = action(&node, program, known)?;
        let (id, index) = (node.get("id")?.int()?, program.actions.len());
        node.limit("actions", index, OBJECTS_MAX)?;
        if known.actions.insert(id, index).is_some() {
            return node.duplicate("action id", id);
        }
        known.action_names.entry(action.name.clone()).and_modify(|found| *found = None).or_insert(Some(index));
        program.actions.push(action);
    }
    Ok(())
}

fn action(node: &Node<'_>, program: &Program, known: &Known) -> Result<Action> {
    let mut parameters = Vec::new();
    let mut data_bytes = 0u32;
    for parameter in node.list("runtime_data")? {
        let width = parameter.get("bitwidth")?.width(WIDTH_BITS_MAX)?;
        parameters.push(Slot::padded(data_bytes, width));
        data_bytes += width.div_ceil(8);
        parameter.limit("action parameters", parameters.len(), 1024)?;
    }
    let list = node.list("primitives")?;
    let mut code = Vec::with_capacity(list.len());
    let scope = Scope {
        names: Names { layout: &program.layout, registers: &known.registers, parameters: &parameters },
        program,
        known,
    };
    for (at, primitive) in list.iter().enumerate() {
        code.push(scope.primitive(primitive, Some((at, list.len())))?);
    }
    let name = node.get("name")?.str()?.to_owned();
    Ok(Action { name, parameters, data_bytes: data_bytes as usize, code })
}

/// What a primitive's parameters can refer to.
pub(super) struct Scope<'a> {
    pub(super) names: Names<'a>,
    pub(super) program: &'a Program,
    pub(super) known: &'a Known,
}

impl Scope<'_> {
    /// A primitive. `at`: its place in the action and the action's length, for jumps.
    pub(super) fn primitive(&self, node: &Node<'_>, at: Option<(usize, usize)>) -> Result<Primitive> {
        let name = node.get("op")?.str()?;
        let items = node.list("parameters")?;
        let args = Args { scope: self, node, items: &items };
        Ok(match name {
            "assign" | "modify_field" => args.count(2)?.assign()?,
            "add_to_field" | "subtract_from_field" => args.count(2)?.step(name)?,
            "add" | "subtract" | "bit_xor" | "bit_or" | "bit_and" | "shift_left" | "shift_right" => {
                args.count(3)?.arithmetic(name)?
            }
            "drop" => {
                args.count(0)?;
                let intrinsic = &self.program.intrinsic;
                Primitive::Drop(intrinsic.egress_spec, intrinsic.multicast_group)
            }
            "mark_to_drop" => args.count(1)?.mark_to_drop()?,
            "add_header" => Primitive::AddHeader(args.count(1)?.header(0)?),
            "remove_header" => Primitive::RemoveHeader(args.count(1)?.header(0)?),
            "assign_header" | "copy_header" => args.count(2)?.assign_header()?,
            "assign_header_stack" => args.count(2)?.assign_stack()?,
            "assign_union" => args.count(2)?.assign_union()?,
            "assign_VL" => args.count(2)?.assign_variable()?,
            "push" => Primitive::Push(args.count(2)?.stack(0)?, args.number(1)?),
            "pop" => Primitive::Pop(args.count(2)?.stack(0)?, args.number(1)?),
            "register_read" => {
                args.count(3)?;
                Primitive::RegisterRead(args.place(0)?, args.register(1)?, args.number(2)?)
            }
            "register_write" => args.count(3)?.register_write()?,
            "count" => Primitive::Count(args.count(2)?.counter(0)?, args.number(1)?),
            "clone_ingress_pkt_to_egress" | "clone_egress_pkt_to_egress" => {
                Primitive::Clone(args.count(2)?.number(0)?, args.field_list(1)?)
            }
            "execute_meter" => Primitive::Meter(args.count(3)?.meter(0)?, args.number(1)?, args.place(2)?),
            "resubmit" => Primitive::Resubmit(args.count(1)?.field_list(0)?),
            "recirculate" => Primitive::Recirculate(args.count(1)?.field_list(0)?),
            "generate_digest" => Primitive::Digest(args.count(2)?.learn_list(1)?),
            "modify_field_with_hash_based_offset" => args.count(4)?.hash()?,
            "modify_field_rng_uniform" => Primitive::Random(args.count(3)?.place(0)?, args.number(1)?, args.number(2)?),
            "truncate" => Primitive::Truncate(args.count(1)?.number(0)?),
            "exit" => Primitive::Exit,
            // The text is for BMv2's log; it has no effect.
            "no_op" | "log_msg" => Primitive::Jump(at.map_or(1, |(at, _)| at + 1)),
            "_jump" => Primitive::Jump(args.count(1)?.target(0, at)?),
            "_jump_if_zero" => Primitive::JumpIfZero(args.count(2)?.number(0)?, args.target(1, at)?),
            other => return node.unsupported(format!("the primitive `{other}`")),
        })
    }
}

/// The parameters of one primitive.
struct Args<'a, 'b> {
    scope: &'a Scope<'a>,
    node: &'a Node<'b>,
    items: &'a [Node<'b>],
}

impl<'b> Args<'_, 'b> {
    fn count(&self, expected: usize) -> Result<&Self> {
        if self.items.len() == expected {
            return Ok(self);
        }
        self.node.invalid(format!("{} parameters, where {expected} are expected", self.items.len()))
    }

    fn item(&self, i: usize) -> Result<&Node<'b>> {
        self.items.get(i).map_or_else(|| self.node.invalid("a parameter is missing"), Ok)
    }

    fn number(&self, i: usize) -> Result<Expr> {
        self.scope.names.number(self.item(i)?, None)
    }

    fn tree(&self, i: usize) -> Result<Tree> {
        self.scope.names.tree(self.item(i)?)
    }

    fn place(&self, i: usize) -> Result<Place> {
        self.scope.names.place(self.item(i)?)
    }

    /// The value of a parameter of this type.
    fn typed(&self, i: usize, kind: &str) -> Result<Node<'b>> {
        let (found, value) = self.item(i)?.typed()?;
        if found == kind { Ok(value) } else { self.item(i)?.invalid(format!("`{found}` where `{kind}` is expected")) }
    }

    fn stack(&self, i: usize) -> Result<usize> {
        self.scope.names.stack(&self.typed(i, "header_stack")?)
    }

    fn header(&self, i: usize) -> Result<HeaderRef> {
        Ok(match self.scope.names.element(self.item(i)?)? {
            Element::Header(header) => HeaderRef::Header(header),
            Element::Of(stack, index) => HeaderRef::Of(stack, Expr::compile(&index, None, self.item(i)?)?),
        })
    }

    /// The bits of a header, which two that are assigned to each other share.
    fn kind(&self, header: &HeaderRef) -> Option<usize> {
        let layout = self.scope.names.layout;
        match *header {
            HeaderRef::Header(header) => layout.headers.get(header).map(|header| header.kind),
            HeaderRef::Of(stack, _) => layout.stacks.get(stack).map(|stack| stack.kind),
        }
    }

    fn register(&self, i: usize) -> Result<usize> {
        let node = self.typed(i, "register_array")?;
        let found = self.scope.known.registers.get(node.str()?);
        found.map_or_else(|| node.unknown("register array", node.value), |&(array, _)| Ok(array))
    }

    fn counter(&self, i: usize) -> Result<usize> {
        let node = self.typed(i, "counter_array")?;
        let found = self.scope.known.counters.get(node.str()?);
        found.map_or_else(|| node.unknown("indirect counter array", node.value), |&array| Ok(array))
    }

    fn meter(&self, i: usize) -> Result<usize> {
        let node = self.typed(i, "meter_array")?;
        let found = self.scope.known.meters.get(node.str()?);
        found.map_or_else(|| node.unknown("indirect meter array", node.value), |&array| Ok(array))
    }

    /// A list that is named by a constant must exist; 0 is none.
    fn field_list(&self, i: usize) -> Result<Expr> {
        self.known_list(i, "field list", |id| id == 0 || self.scope.program.field_lists.contains_key(&id))
    }

    fn learn_list(&self, i: usize) -> Result<Expr> {
        self.known_list(i, "learn list", |id| self.scope.program.learn_lists.iter().any(|list| list.id == id))
    }

    fn known_list(&self, i: usize, kind: &'static str, exists: impl Fn(u64) -> bool) -> Result<Expr> {
        let tree = self.tree(i)?;
        if let Tree::Constant(value) = &tree {
            let id = value.small().and_then(|id| u64::try_from(id).ok()).unwrap_or(u64::MAX);
            if !exists(id) {
                return self.item(i)?.unknown(kind, id);
            }
        }
        Expr::compile(&tree, None, self.item(i)?)
    }

    fn assign(&self) -> Result<Primitive> {
        let (place, tree) = (self.place(0)?, simplified(&self.tree(1)?));
        Ok(match (place, &tree) {
            (Place::Field(to), Tree::Constant(value)) if to.is_short() && !to.saturating => match to.word() {
                Some(word) => Primitive::SetWord(word, value.low_u64()),
                None => Primitive::Set(to, u128::from(value.right(64).low_u64()) << 64 | u128::from(value.low_u64())),
            },
            (Place::Field(to), &Tree::Field(from)) if copies(from, to) => match (to.word(), from.word()) {
                (Some(to), Some(from)) => Primitive::MoveWord(to, from),
                _ => Primitive::Move(to, from),
            },
            (Place::Field(to), &Tree::Local(from)) if copies(from, to) => match (to.word(), from.word()) {
                (Some(to), Some(from)) => Primitive::MoveDataWord(to, from),
                _ => Primitive::MoveData(to, from),
            },
            (place, tree) => {
                let value = Expr::compile(tree, place.demand(), self.item(1)?)?;
                Primitive::Assign(place, value)
            }
        })
    }

    /// The primitives of P4₁₄ that add to, or subtract from, a field.
    fn step(&self, name: &str) -> Result<Primitive> {
        use super::super::expr::Binary;
        let op = if name == "add_to_field" { Binary::Add } else { Binary::Subtract };
        let (place, tree) = (self.place(0)?, Tree::Binary(op, Box::new(self.tree(0)?), Box::new(self.tree(1)?)));
        let value = Expr::compile(&tree, place.demand(), self.node)?;
        Ok(Primitive::Assign(place, value))
    }

    fn arithmetic(&self, name: &str) -> Result<Primitive> {
        use super::super::expr::Binary;
        let op = match name {
            "add" => Binary::Add,
            "subtract" => Binary::Subtract,
            "bit_xor" => Binary::Xor,
            "bit_or" => Binary::Or,
            "bit_and" => Binary::And,
            "shift_left" => Binary::ShiftLeft,
            _ => Binary::ShiftRight,
        };
        let (place, tree) = (self.place(0)?, Tree::Binary(op, Box::new(self.tree(1)?), Box::new(self.tree(2)?)));
        let value = Expr::compile(&tree, place.demand(), self.node)?;
        Ok(Primitive::Assign(place, value))
    }

    fn mark_to_drop(&self) -> Result<Primitive> {
        let layout = self.scope.names.layout;
        let header = self.scope.names.header(&self.typed(0, "header")?)?;
        match layout.field(header, "egress_spec") {
            Some(port) if port.is_short() => {
                Ok(Primitive::Drop(port, layout.field(header, "mcast_grp").filter(|slot| slot.is_short())))
            }
            _ => self.item(0)?.invalid("the header has no field `egress_spec`"),
        }
    }

    fn assign_header(&self) -> Result<Primitive> {
        let (to, from) = (self.header(0)?, self.header(1)?);
        if self.kind(&to) != self.kind(&from) {
            return self.node.invalid("the headers are of different types");
        }
        Ok(Primitive::AssignHeader(to, from))
    }

    fn assign_stack(&self) -> Result<Primitive> {
        let (to, from) = (self.stack(0)?, self.stack(1)?);
        let shape =
            |stack: usize| self.scope.names.layout.stacks.get(stack).map(|stack| (stack.kind, stack.headers.len()));
        if shape(to) != shape(from) {
            return self.node.invalid("the header stacks are of different types or sizes");
        }
        Ok(Primitive::AssignStack(to, from))
    }

    fn assign_union(&self) -> Result<Primitive> {
        let union = |i| self.scope.names.union(&self.typed(i, "header_union")?);
        let (to, from) = (union(0)?, union(1)?);
        let layout = self.scope.names.layout;
        let kinds = |union: usize| -> Option<Vec<Option<usize>>> {
            let members = layout.unions.get(union)?;
            Some(members.iter().map(|&member| layout.headers.get(member).map(|header| header.kind)).collect())
        };
        if kinds(to) != kinds(from) {
            return self.node.invalid("the header unions are of different types");
        }
        Ok(Primitive::AssignUnion(to, from))
    }

    fn assign_variable(&self) -> Result<Primitive> {
        let header = |i| {
            let field = self.typed(i, "field")?;
            let found = self.scope.names.variable(&field)?;
            found.map_or_else(|| field.invalid("the field is not of variable length"), Ok)
        };
        let (to, from) = (header(0)?, header(1)?);
        let room = |header: usize| self.scope.names.layout.headers.get(header)?.variable.map(|field| field.bytes);
        if room(to) != room(from) {
            return self.node.unsupported("assigning a field of variable length to one of another longest length");
        }
        Ok(Primitive::AssignVariable(to, from))
    }

    fn register_write(&self) -> Result<Primitive> {
        let array = self.register(0)?;
        let width = self.scope.program.registers.get(array).map(|array| array.width);
        Ok(Primitive::RegisterWrite(array, self.number(1)?, self.scope.names.number(self.item(2)?, width)?))
    }

    fn hash(&self) -> Result<Primitive> {
        let name = self.typed(2, "calculation")?;
        let Some(&calculation) = self.scope.known.calculations.get(name.str()?) else {
            return name.unknown("calculation", name.value);
        };
        if self.scope.program.calculations.get(calculation).is_some_and(|calculation| calculation.with_payload) {
            return name.unsupported("the payload in a hash");
        }
        Ok(Primitive::Hash(self.place(0)?, self.number(1)?, calculation, self.number(3)?))
    }

    /// A jump goes forward: backwards, a packet might never leave the action.
    fn target(&self, i: usize, at: Option<(usize, usize)>) -> Result<usize> {
        let node = self.typed(i, "hexstr")?;
        let target = node.number()?.small().and_then(|target| usize::try_from(target).ok());
        match (target, at) {
            (Some(target), Some((at, length))) if target > at && target <= length => Ok(target),
            (Some(_), Some(_)) => node.unsupported("a jump backwards or out of the action"),
            _ => node.unsupported("a jump outside of an action"),
        }
    }
}

/// Whether an assignment is a copy of bits.
fn copies(from: Slot, to: Slot) -> bool {
    !to.saturating && (!from.signed || from.width >= to.width)
}

/// Bytes of the longest data of these actions.
pub(super) fn data_bytes(program: &Program, actions: &[usize]) -> usize {
    actions.iter().filter_map(|&action| program.actions.get(action)).map(|action| action.data_bytes).max().unwrap_or(0)
}
