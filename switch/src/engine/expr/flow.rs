//! The conditions of a control flow in one list: those that lead to each other are decided without a look at the nodes between them.

use super::super::bits::eight;
use super::super::program::{Next, Node};
use super::Expr;
use super::eval::{Context, Scratch};
use super::truth::{NO, Step, Test, YES};

/// Marks the number of a node that is no condition.
const NODE: u32 = 1 << 31;
/// Marks a place in [`Flow::choices`]; without a mark a number is a place in [`Flow::steps`].
const CHOICE: u32 = 1 << 30;
const END: u32 = u32::MAX;
/// Questions about one value that are made one choice.
const CHOICE_MIN: usize = 3;
/// Values among which one choice chooses, and comparisons that it is made of, at most.
const VALUES_MAX: usize = 256;
/// Comparisons that are left out behind one of the same bits, at most.
const BEYOND_MAX: usize = 16;
/// Values of all choices together, at most: what is beyond is asked step by step.
const ALL_VALUES_MAX: usize = 1 << 16;

/// All conditions of a program.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    steps: Vec<Step>,
    choices: Vec<Choice>,
    /// For each node its first step or choice, or the node itself.
    entries: Vec<u32>,
}

/// What is made of comparisons of the same bits with one number after the other.
#[derive(Debug)]
struct Choice {
    byte: u32,
    mask: u64,
    /// Bits below those of the mask.
    shift: u32,
    /// Where each value leads, from 0 on.
    targets: Box<[u32]>,
    /// Where all others lead.
    otherwise: u32,
}

impl Choice {
    #[inline]
    fn target(&self, bytes: &[u8]) -> u32 {
        let value = (eight(bytes, self.byte) & self.mask) >> self.shift;
        let target = usize::try_from(value).ok().and_then(|value| self.targets.get(value));
        target.copied().unwrap_or(self.otherwise)
    }
}

impl Flow {
    /// Of nodes that do not lead in a circle. There are no more than a JSON of bounded size has.
    pub(crate) fn of(nodes: &[Node]) -> Self {
        let mut flow = Self::default();
        for (number, node) in nodes.iter().enumerate() {
            let entry = match node {
                Node::If { condition, .. } => {
                    flow.append(condition);
                    place(flow.steps.len()) - 1
                }
                _ => NODE | place(number),
            };
            flow.entries.push(entry);
        }
        let mut from = 0;
        for (node, &entry) in nodes.iter().zip(&flow.entries) {
            let &Node::If { then, otherwise, .. } = node else { continue };
            let leads = |next: Next| next.and_then(|node| flow.entries.get(node)).copied().unwrap_or(END);
            let (then, otherwise) = (leads(then), leads(otherwise));
            let to = entry as usize + 1;
            for step in flow.steps.get_mut(from..to).into_iter().flatten() {
                let led = |target: u32| match target {
                    YES => then,
                    NO => otherwise,
                    within => within + place(from),
                };
                (step.then, step.otherwise) = (led(step.then), led(step.otherwise));
            }
            from = to;
        }
        flow.choose();
        flow
    }

    fn append(&mut self, condition: &Expr) {
        match condition {
            Expr::Truth(truth) => self.steps.extend_from_slice(truth.steps()),
            code @ Expr::Code(_) => {
                self.steps.push(Step { test: Test::other(code.clone()), then: YES, otherwise: NO });
            }
        }
    }

    /// Leads to choices where the same bits are compared with several numbers in turn.
    fn choose(&mut self) {
        let mut room = ALL_VALUES_MAX;
        let mut instead = vec![None; self.steps.len()];
        for (step, instead) in instead.iter_mut().enumerate() {
            let Some(choice) = self.choice(step).filter(|choice| choice.targets.len() <= room) else { continue };
            room -= choice.targets.len();
            *instead = Some(CHOICE | place(self.choices.len()));
            self.choices.push(choice);
        }
        let led = |target: &mut u32| {
            if let Some(&Some(choice)) = instead.get(*target as usize) {
                *target = choice;
            }
        };
        self.entries.iter_mut().for_each(led);
        self.steps.iter_mut().flat_map(|step| [&mut step.then, &mut step.otherwise]).for_each(led);
        for choice in &mut self.choices {
            choice.targets.iter_mut().chain([&mut choice.otherwise]).for_each(led);
        }
    }

    /// The choice that begins with a step, if it is worth one.
    fn choice(&self, first: usize) -> Option<Choice> {
        let &Test::Is(byte, mask, _) = &self.steps.get(first)?.test else { return None };
        let shift = mask.trailing_zeros();
        let (mut led, mut otherwise) = (Vec::new(), place(first));
        while let Some(&Step { test: Test::Is(other, bits, number), then, otherwise: next }) = self.step(otherwise)
            && (other, bits) == (byte, mask)
            && led.len() < VALUES_MAX
            && let Some(value) = usize::try_from(number >> shift).ok().filter(|value| *value < VALUES_MAX)
        {
            led.push((value, number, then));
            otherwise = next;
        }
        let len = led.iter().map(|(value, ..)| value + 1).max().filter(|_| led.len() >= CHOICE_MIN)?;
        let mut targets = vec![otherwise; len].into_boxed_slice();
        // The first comparison that holds decides.
        for (value, number, then) in led.into_iter().rev() {
            if let Some(target) = targets.get_mut(value) {
                *target = self.beyond(then, byte, mask, number);
            }
        }
        Some(Choice { byte, mask, shift, targets, otherwise })
    }

    /// Where comparisons of bits lead that are known to be a number.
    fn beyond(&self, mut target: u32, byte: u32, mask: u64, number: u64) -> u32 {
        for _ in 0..BEYOND_MAX {
            match self.step(target) {
                Some(&Step { test: Test::Is(other, bits, wanted), then, otherwise })
                    if (other, bits) == (byte, mask) =>
                {
                    target = if wanted == number { then } else { otherwise };
                }
                _ => break,
            }
        }
        target
    }

    fn step(&self, place: u32) -> Option<&Step> {
        self.steps.get(place as usize)
    }

    /// Where the conditions lead from a node on: to one that is none, or to the end.
    #[inline]
    pub(crate) fn decide(&self, from: Next, context: Context<'_>, scratch: &mut Scratch) -> Next {
        let mut at = *self.entries.get(from?)?;
        loop {
            while let Some(step) = self.step(at) {
                at = if step.test.holds(context, scratch) { step.then } else { step.otherwise };
            }
            if at & NODE != 0 {
                break;
            }
            at = self.choices.get((at & !CHOICE) as usize).map_or(END, |choice| choice.target(&context.phv.bytes));
        }
        (at != END).then_some((at & !NODE) as usize)
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(END)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::super::super::bits::{PAD, Slot};
    use super::super::super::int::{Num, Wide};
    use super::super::super::json::Node as At;
    use super::super::super::layout::{Layout, Phv};
    use super::super::{Binary, Tree};
    use super::*;

    /// One of two bytes, or the low half of the first, is compared with a number.
    fn comparison() -> impl Strategy<Value = Tree> {
        let field = prop_oneof![Just((0, 0, 8)), Just((1, 0, 8)), Just((0, 4, 4))];
        let op = prop_oneof![4 => Just(Binary::Equal), 1 => Just(Binary::Unequal), 1 => Just(Binary::Less)];
        (field, op, 0i64..7).prop_map(|((byte, bit, width), op, number)| {
            let field = Tree::Field(Slot { byte, bit, width, signed: false, saturating: false });
            Tree::Binary(op, Box::new(field), Box::new(Tree::Constant(Box::new(Wide::from_i64(number)))))
        })
    }

    fn condition() -> impl Strategy<Value = Tree> {
        comparison().prop_recursive(3, 8, 2, |inner| {
            let op = prop_oneof![Just(Binary::Either), Just(Binary::Both)];
            (op, inner.clone(), inner).prop_map(|(op, a, b)| Tree::Binary(op, Box::new(a), Box::new(b)))
        })
    }

    /// Nodes that lead to later ones: conditions, and others in between.
    fn nodes() -> impl Strategy<Value = Vec<Node>> {
        prop::collection::vec((prop::option::weighted(0.9, condition()), 1usize..4, 1usize..4), 1..24).prop_map(|all| {
            let count = all.len();
            let json = Json::Null;
            let node = |(at, (tree, then, otherwise)): (usize, (Option<Tree>, usize, usize))| {
                let led = |by: usize| Some(at + by).filter(|to| *to < count);
                let compiled = tree.map(|tree| Expr::compile(&tree, None, &At::root(&json)).unwrap());
                match compiled {
                    Some(condition) => {
                        Node::If { name: String::new(), condition, then: led(then), otherwise: led(otherwise) }
                    }
                    None => Node::Call { action: 0, next: led(then) },
                }
            };
            all.into_iter().enumerate().map(node).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Wherever it begins and whatever the packet holds: it leads to where the conditions lead one by one.
        #[test]
        fn a_flow_decides_as_its_conditions_do(nodes in nodes(), packets in prop::collection::vec([0u8..24, 0u8..8], 1..8)) {
            let (flow, layout) = (Flow::of(&nodes), Layout::default());
            for packet in packets {
                let mut bytes = packet.to_vec();
                bytes.resize(2 + PAD, 0);
                let phv = Phv { bytes, ..Phv::default() };
                let context = Context { layout: &layout, phv: &phv, data: &[], registers: &[] };
                let scratch = &mut Scratch::default();
                for from in 0..nodes.len() {
                    let mut expected = Some(from);
                    while let Some(&Node::If { ref condition, then, otherwise, .. }) = expected.and_then(|at| nodes.get(at)) {
                        expected = if condition.truth(context, scratch) { then } else { otherwise };
                    }
                    prop_assert_eq!(flow.decide(Some(from), context, scratch), expected, "from {}", from);
                }
            }
        }
    }

    /// Whether a field of so many bits is a number.
    fn is(width: u32, number: i64, then: usize, otherwise: usize) -> Node {
        let field = Tree::Field(Slot { byte: 0, bit: 0, width, signed: false, saturating: false });
        let number = Tree::Constant(Box::new(Wide::from_i64(number)));
        let tree = Tree::Binary(Binary::Equal, Box::new(field), Box::new(number));
        let condition = Expr::compile(&tree, None, &At::root(&Json::Null)).unwrap();
        Node::If { name: String::new(), condition, then: Some(then), otherwise: Some(otherwise) }
    }

    #[test]
    fn more_numbers_than_one_choice_takes_are_all_found() {
        let count = 3 * VALUES_MAX;
        let mut nodes: Vec<Node> =
            (0..count).map(|at| is(16, i64::try_from(at).unwrap(), count + at, at + 1)).collect();
        nodes.extend((0..=count).map(|_| Node::Call { action: 0, next: None }));
        let (flow, layout) = (Flow::of(&nodes), Layout::default());
        for number in [0, 1, VALUES_MAX - 1, VALUES_MAX, 2 * VALUES_MAX + 7, count - 1] {
            let mut bytes = u16::try_from(number).unwrap().to_be_bytes().to_vec();
            bytes.resize(2 + PAD, 0);
            let phv = Phv { bytes, ..Phv::default() };
            let context = Context { layout: &layout, phv: &phv, data: &[], registers: &[] };
            assert_eq!(flow.decide(Some(0), context, &mut Scratch::default()), Some(count + number));
        }
    }

    #[test]
    fn numbers_in_turn_are_one_choice() {
        let node = |at: usize| is(8, i64::try_from(at).unwrap(), 4, at);
        let nodes = [node(1), node(2), node(3), node(4), Node::Call { action: 0, next: None }];
        let flow = Flow::of(&nodes);
        let begun: Vec<u32> = flow.entries.iter().map(|entry| entry & CHOICE).collect();
        assert_eq!(begun, [CHOICE, CHOICE, 0, 0, 0], "two comparisons are not worth one");
    }
}
