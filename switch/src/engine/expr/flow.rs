//! The conditions of a control flow in one list: those that lead to each other are decided without a look at the nodes between them.

use super::super::program::{Next, Node};
use super::Expr;
use super::eval::{Context, Scratch};
use super::truth::{NO, Step, Test, YES};

/// Marks the number of a node that is no condition; below it are places in [`Flow::steps`].
const NODE: u32 = 1 << 31;
const END: u32 = u32::MAX;

/// All conditions of a program.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    steps: Vec<Step>,
    /// For each node its first step, or the node itself.
    entries: Vec<u32>,
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

    /// Where the conditions lead from a node on: to one that is none, or to the end.
    #[inline]
    pub(crate) fn decide(&self, from: Next, context: Context<'_>, scratch: &mut Scratch) -> Next {
        let mut at = *self.entries.get(from?)?;
        while let Some(step) = self.steps.get(at as usize) {
            at = if step.test.holds(context, scratch) { step.then } else { step.otherwise };
        }
        (at != END).then_some((at & !NODE) as usize)
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(END)
}
