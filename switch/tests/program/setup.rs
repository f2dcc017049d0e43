//! What a control plane puts into a switch, as data.

use std::collections::BTreeSet;

use bifrost_switch::engine::{Engine, EntryAction, MatchParam, Mirror};

/// An entry of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) table: String,
    pub(crate) key: Vec<MatchParam>,
    pub(crate) action: String,
    pub(crate) data: Vec<Vec<u8>>,
    pub(crate) priority: i32,
}

/// A multicast group of one node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) group: u16,
    pub(crate) rid: u16,
    pub(crate) ports: BTreeSet<u32>,
}

/// An action profile and the entries of the one table that uses it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) table: String,
    /// Action and data.
    pub(crate) members: Vec<(String, Vec<Vec<u8>>)>,
    /// Places in `members`.
    pub(crate) groups: Vec<Vec<usize>>,
    pub(crate) entries: Vec<(Vec<MatchParam>, Target)>,
}

/// A place in a profile's members or groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    Member(usize),
    Group(usize),
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Setup {
    pub(crate) entries: Vec<Entry>,
    /// Table, action and data of what a miss does.
    pub(crate) defaults: Vec<(String, String, Vec<Vec<u8>>)>,
    /// Session and port.
    pub(crate) mirrors: Vec<(u16, u32)>,
    pub(crate) groups: Vec<Group>,
    pub(crate) profiles: Vec<Profile>,
}

impl Setup {
    pub(crate) fn add(&mut self, table: &str, key: &[MatchParam], action: &str, data: &[&[u8]]) {
        self.add_at(0, table, key, action, data);
    }

    pub(crate) fn add_at(&mut self, priority: i32, table: &str, key: &[MatchParam], action: &str, data: &[&[u8]]) {
        let data = data.iter().map(|value| value.to_vec()).collect();
        let (table, key, action) = (table.to_owned(), key.to_vec(), action.to_owned());
        self.entries.push(Entry { table, key, action, data, priority });
    }

    pub(crate) fn install(&self, engine: &mut Engine) {
        for entry in &self.entries {
            let Entry { table, key, action, data, priority } = entry;
            engine.table_add(table, key, action, data, *priority).unwrap_or_else(|error| panic!("{entry:?}: {error}"));
        }
        for (table, action, data) in &self.defaults {
            engine.table_set_default(table, action, data).unwrap();
        }
        for &(session, port) in &self.mirrors {
            assert!(engine.set_mirror(session, Mirror { port: Some(port), group: None }));
        }
        for Group { group, rid, ports } in &self.groups {
            engine.multicast().create_group(*group).unwrap();
            let node = engine.multicast().create_node(*rid, ports.clone(), BTreeSet::new()).unwrap();
            engine.multicast().associate(*group, node).unwrap();
        }
        self.profiles.iter().for_each(|profile| profile.install(engine));
    }

    /// A line for each, for people to read and to compare.
    pub(crate) fn lines(&self) -> Vec<String> {
        let entries = self.entries.iter().map(|entry| format!("{entry:?}"));
        let defaults = self.defaults.iter().map(|default| format!("default {default:?}"));
        let mirrors = self.mirrors.iter().map(|mirror| format!("mirror {mirror:?}"));
        let groups = self.groups.iter().map(|group| format!("{group:?}"));
        let profiles = self.profiles.iter().map(|profile| format!("{profile:?}"));
        entries.chain(defaults).chain(mirrors).chain(groups).chain(profiles).collect()
    }
}

impl Profile {
    fn install(&self, engine: &mut Engine) {
        let add =
            |(action, data): &(String, Vec<Vec<u8>>)| engine.profile_add_member(&self.name, action, data).unwrap();
        let members: Vec<u32> = self.members.iter().map(add).collect();
        let mut groups = Vec::new();
        for places in &self.groups {
            let group = engine.profile_create_group(&self.name).unwrap();
            places.iter().for_each(|&place| engine.profile_join(&self.name, members[place], group).unwrap());
            groups.push(group);
        }
        for (key, target) in &self.entries {
            let action = match *target {
                Target::Member(place) => EntryAction::Member(members[place]),
                Target::Group(place) => EntryAction::Group(groups[place]),
            };
            engine.table_add_indirect(&self.table, key, &action, 0).unwrap();
        }
    }
}

pub(crate) fn exact(value: &[u8]) -> MatchParam {
    MatchParam::Exact(value.to_vec())
}

pub(crate) fn lpm(value: &[u8], bits: u32) -> MatchParam {
    MatchParam::Lpm(value.to_vec(), bits)
}
