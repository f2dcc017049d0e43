//! The control flow: pipelines, conditions, calls, action profiles.

use super::super::error::{Problem, Result};
use super::super::json::Node as Json;
use super::super::limits::OBJECTS_MAX;
use super::super::program::{After, Holds, Next, Node, ProfileSpec, Program, TableSpec};
use super::{Known, arrays, names, tables};

pub(super) fn load(root: &Json<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    for pipeline in root.get("pipelines")?.items()? {
        for node in pipeline.list("action_profiles")? {
            profile(&node, program, known)?;
        }
        let start = program.nodes.len();
        declare(&pipeline, program, known)?;
        define(&pipeline, program, known)?;
        let first = next(pipeline.find("init_table")?, known)?;
        match pipeline.get("name")?.str()? {
            "ingress" => program.ingress = first,
            "egress" => program.egress = first,
            other => return pipeline.unsupported(format!("a pipeline `{other}`")),
        }
        acyclic(&pipeline, first, start, program)?;
    }
    Ok(())
}

fn profile(node: &Json<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    let name = node.get("name")?.str()?.to_owned();
    let selector = match node.find("selector")? {
        Some(selector) => {
            let calculation = arrays::calculation(&selector, &name, program, known)?;
            program.calculations.push(calculation);
            Some(program.calculations.len() - 1)
        }
        None => None,
    };
    if known.profiles.insert(name.clone(), program.profiles.len()).is_some() {
        return node.duplicate("action profile", &name);
    }
    program.profiles.push(ProfileSpec { name, selector, actions: Vec::new() });
    Ok(())
}

/// Gives every node of a pipeline its place, so that they can refer to each other.
fn declare(pipeline: &Json<'_>, program: &Program, known: &mut Known) -> Result<()> {
    let mut place = program.nodes.len();
    for list in ["tables", "conditionals", "action_calls"] {
        for node in pipeline.list(list)? {
            let name = node.get("name")?.str()?;
            node.limit("nodes of the control flow", place, OBJECTS_MAX)?;
            if known.nodes.insert(name.to_owned(), place).is_some() {
                return node.duplicate("table or condition", name);
            }
            place += 1;
        }
    }
    Ok(())
}

/// In the order of [`declare`].
fn define(pipeline: &Json<'_>, program: &mut Program, known: &Known) -> Result<()> {
    for node in pipeline.list("tables")? {
        let table = tables::table(&node, program, known)?;
        program.nodes.push(node_of(&table, program));
        program.table_names.insert(table.name.clone(), program.tables.len());
        program.tables.push(table);
    }
    for node in pipeline.list("conditionals")? {
        let condition = names(program, known).condition(&node.get("expression")?)?;
        let (then, otherwise) = (next(node.find("true_next")?, known)?, next(node.find("false_next")?, known)?);
        program.nodes.push(Node::If { name: node.get("name")?.str()?.to_owned(), condition, then, otherwise });
    }
    for node in pipeline.list("action_calls")? {
        let action = action_by_id(&node.get("action_id")?, known)?;
        if program.actions.get(action).is_some_and(|action| !action.parameters.is_empty()) {
            return node.invalid("the action has parameters");
        }
        program.nodes.push(Node::Call { action, next: next(node.find("next_node")?, known)? });
    }
    Ok(())
}

/// The node of the next table.
fn node_of(table: &TableSpec, program: &Program) -> Node {
    let index = program.tables.len();
    match fixed(table, program) {
        Some((action, next)) => Node::Fixed { table: index, action, next },
        None => Node::Table(index),
    }
}

/// What a table does that always does the same.
fn fixed(table: &TableSpec, program: &Program) -> Option<(usize, Next)> {
    let action = table.const_action.filter(|_| table.key.is_empty() && table.holds == Holds::Actions)?;
    let has_data = program.actions.get(action).is_none_or(|action| !action.parameters.is_empty());
    let next = match &table.after {
        After::Action(nexts) => nexts.get(table.place_of(action)?).copied().flatten(),
        After::Outcome { miss, .. } => *miss,
    };
    (!has_data).then_some((action, next))
}

pub(super) fn action_by_id(node: &Json<'_>, known: &Known) -> Result<usize> {
    let id = node.int()?;
    known.actions.get(&id).copied().map_or_else(|| node.unknown("action id", id), Ok)
}

pub(super) fn next(name: Option<Json<'_>>, known: &Known) -> Result<Next> {
    let Some(name) = name else { return Ok(None) };
    let found = known.nodes.get(name.str()?).copied();
    found.map_or_else(|| name.unknown("table or condition", name.value), |node| Ok(Some(node)))
}

/// Where a node leads to.
fn targets(node: &Node, program: &Program) -> Vec<usize> {
    let nexts: Vec<Next> = match node {
        Node::Table(table) | Node::Fixed { table, .. } => {
            program.tables.get(*table).map_or_else(Vec::new, |table| match &table.after {
                After::Action(nexts) => nexts.iter().copied().chain([table.after_miss]).collect(),
                After::Outcome { hit, miss } => vec![*hit, *miss],
            })
        }
        Node::If { then, otherwise, .. } => vec![*then, *otherwise],
        Node::Call { next, .. } => vec![*next],
    };
    nexts.into_iter().flatten().collect()
}

/// Refuses a control flow that could run for ever, or that leaves its pipeline's nodes, which begin at `start`.
fn acyclic(at: &Json<'_>, first: Next, start: usize, program: &Program) -> Result<()> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let nodes = &program.nodes;
    let mut marks = vec![Mark::New; nodes.len()];
    let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut enter = first;
    loop {
        if let Some(node) = enter.take() {
            if node < start {
                return at.invalid("the control flow leads into another pipeline");
            }
            marks[node] = Mark::Open;
            path.push((node, targets(&nodes[node], program)));
        }
        let Some((node, rest)) = path.last_mut() else { return Ok(()) };
        match rest.pop() {
            None => {
                marks[*node] = Mark::Done;
                path.pop();
            }
            Some(target) => match marks.get(target) {
                Some(Mark::Open) => return at.fail(Problem::Cycle(name(target, program))),
                Some(Mark::New) => enter = Some(target),
                Some(Mark::Done) | None => {}
            },
        }
    }
}

fn name(node: usize, program: &Program) -> String {
    match program.nodes.get(node) {
        Some(&(Node::Table(table) | Node::Fixed { table, .. })) => {
            program.tables.get(table).map_or_else(String::new, |table| table.name.clone())
        }
        Some(Node::If { name, .. }) => name.clone(),
        Some(Node::Call { action, .. }) => {
            program.actions.get(*action).map_or_else(String::new, |action| action.name.clone())
        }
        None => String::new(),
    }
}
