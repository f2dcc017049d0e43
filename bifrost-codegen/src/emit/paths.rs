//! Where the modules stand: in one directory, or in a tree of them.
//!
//! What a file's module is called depends on the files of the run, never on their order.

use super::names::{Taken, module};
use super::options::Layout;
use crate::schema::{File, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The module of each file, by the modules around it.
pub(super) fn module_paths(schema: &Schema, layout: Layout) -> Vec<Vec<String>> {
    match layout {
        Layout::Flat => flat(schema),
        Layout::Tree => tree(schema),
    }
}

/// Files in the order of their places, whatever the order in which they were named.
fn by_place(schema: &Schema) -> Vec<usize> {
    let mut order: Vec<usize> = (0..schema.files.len()).collect();
    order.sort_by_key(|index| {
        let file = &schema.files[*index];
        (&file.directory, &file.program, &file.path)
    });
    order
}

/// A module is called like its file; files of one name get the names of their directories before it.
fn flat(schema: &Schema) -> Vec<Vec<String>> {
    let mut files_of_name: BTreeMap<String, usize> = BTreeMap::new();
    for file in &schema.files {
        *files_of_name.entry(module(&file.program)).or_default() += 1;
    }
    let is_alone = |name: &String| files_of_name.get(name) == Some(&1);
    // Who is alone keeps the name.
    let mut taken = Taken::default();
    files_of_name.keys().filter(|name| is_alone(name)).for_each(|name| drop(taken.take(name.clone())));
    let mut paths = vec![Vec::new(); schema.files.len()];
    for index in by_place(schema) {
        let file = &schema.files[index];
        let mut name = module(&file.program);
        if !is_alone(&name) {
            let parts: Vec<&str> = file.directory.iter().chain([&file.program]).map(String::as_str).collect();
            name = taken.take(module(&parts.join("_")));
        }
        paths[index].push(name);
    }
    paths
}

fn tree(schema: &Schema) -> Vec<Vec<String>> {
    let directories: Vec<Vec<String>> = schema.files.iter().map(directory).collect();
    // Directories have their names first; a file that is called like one gets another.
    let mut taken: BTreeMap<&[String], Taken> = BTreeMap::new();
    let all: BTreeSet<&[String]> =
        directories.iter().flat_map(|path| (1..=path.len()).filter_map(|len| path.get(..len))).collect();
    for path in all {
        if let Some((name, parent)) = path.split_last() {
            taken.entry(parent).or_default().take(name.clone());
        }
    }
    let mut paths = vec![Vec::new(); schema.files.len()];
    for index in by_place(schema) {
        let parent = &directories[index];
        // `mod.rs` is the directory's own.
        let name = taken.entry(parent).or_default().take(module(&schema.files[index].program));
        paths[index] = parent.iter().cloned().chain([name]).collect();
    }
    paths
}

/// The modules around a file: its namespace, or else its directories.
fn directory(file: &File) -> Vec<String> {
    let namespace = |scope: &str| file.namespaces.iter().find(|(found, _)| found == scope);
    match namespace("rs").or_else(|| namespace("*")) {
        Some((_, name)) => name.split('.').filter(|part| !part.is_empty()).map(module).collect(),
        None => file.directory.iter().map(|part| module(part)).collect(),
    }
}

/// The way from one module to another: `super::super::other::types`.
pub(super) fn route(from: &[String], to: &[String]) -> String {
    let around = from.split_last().map_or(from, |(_, around)| around);
    let shared = around.iter().zip(to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("super", from.len() - shared);
    let down = to.iter().skip(shared).map(String::as_str);
    up.chain(down).collect::<Vec<_>>().join("::")
}

/// The file of a module.
pub(super) fn file_of(path: &[String]) -> PathBuf {
    let mut file: PathBuf = path.iter().collect();
    file.as_mut_os_string().push(".rs");
    file
}

/// The text of the `mod.rs` of each directory, by its file; that of the outermost directory too.
pub(super) fn indices(paths: &[&[String]]) -> BTreeMap<PathBuf, String> {
    let mut members: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
    members.entry(&[]).or_default();
    for path in paths {
        for len in 1..=path.len() {
            if let Some((name, parent)) = path.get(..len).and_then(<[String]>::split_last) {
                members.entry(parent).or_default().insert(name);
            }
        }
    }
    let index = |(directory, names): (&[String], BTreeSet<&str>)| {
        let file: PathBuf = directory.iter().map(String::as_str).chain(["mod.rs"]).collect();
        (file, index_text(directory, &names))
    };
    members.into_iter().map(index).collect()
}

fn index_text(directory: &[String], names: &BTreeSet<&str>) -> String {
    let what = match directory.is_empty() {
        true => "All generated modules".to_owned(),
        false => format!("Generated modules of `{}`", directory.join("::")),
    };
    let mut text = format!("// Generated by bifrost-codegen; do not edit.\n\n//! {what}.\n\n");
    text.push_str("#![allow(unreachable_pub, reason = \"a program may keep this module private\")]\n\n");
    names.iter().for_each(|name| text.push_str(&format!("pub mod {name};\n")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn routes_lead_up_and_down() {
        let table = [
            ("a", "b", "super::b"),
            ("a.x", "a.y", "super::y"),
            ("a.b.x", "a.c.y", "super::super::c::y"),
            ("x", "a.y", "super::a::y"),
            ("a.b.x", "y", "super::super::super::y"),
            ("a.x", "a.b.y", "super::b::y"),
            ("a.b.x", "a.b.c.x", "super::c::x"),
        ];
        for (from, to, expected) in table {
            assert_eq!(route(&path(from), &path(to)), expected, "{from} {to}");
        }
    }

    fn file(directory: &str, program: &str, namespace: Option<&str>) -> File {
        File {
            path: PathBuf::from(format!("{directory}/{program}.thrift")),
            program: program.to_owned(),
            directory: directory.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            docs: None,
            namespaces: namespace.iter().map(|name| ("rs".to_owned(), (*name).to_owned())).collect(),
            includes: Vec::new(),
            definitions: Vec::new(),
        }
    }

    fn paths(layout: Layout, files: &[File]) -> Vec<String> {
        let schema = Schema { files: files.to_vec() };
        let mut reversed = Schema { files: files.to_vec() };
        reversed.files.reverse();
        let paths = module_paths(&schema, layout);
        let mut others = module_paths(&reversed, layout);
        others.reverse();
        assert_eq!(paths, others, "the order of files shows");
        paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn files_of_one_name_are_told_apart() {
        let files = [
            file("a", "types", None),
            file("b/c", "types", None),
            file("", "types", None),
            file("a", "other", None),
            file("", "a-types", None),
        ];
        assert_eq!(paths(Layout::Flat, &files), ["a_types_", "b_c_types", "types", "other", "a_types"]);
        assert_eq!(paths(Layout::Tree, &files), ["a::types", "b::c::types", "types", "a::other", "a_types"]);
    }

    #[test]
    fn a_tree_follows_namespaces() {
        let files = [
            file("x", "types", Some("one.two")),
            file("y", "types", Some("one.two")),
            file("z", "two", Some("one")),
            file("", "mod", Some("")),
            file("type", "a", None),
        ];
        let expected = ["one::two::types", "one::two::types_", "one::two_", "mod_", "type_::a"];
        assert_eq!(paths(Layout::Tree, &files), expected);
    }
}
