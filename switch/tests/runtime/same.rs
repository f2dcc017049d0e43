//! One control plane, and every way to a switch.

use crate::support::{action, prefix, runtime, served};
use bifrost_rpc::Channel;
use bifrost_switch::engine::{ArrayError, EntryAction, MatchParam, Mirror, MulticastError, TableError};
use bifrost_switch::runtime::{Client, ControlError, RuntimeServer, SwitchControl, Update, services};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a switch that runs `control.p4` does, whichever it is.
pub(crate) fn drive(switch: &dyn SwitchControl) {
    tables(switch);
    batches(switch);
    refusals(switch);
    profiles(switch);
    arrays(switch);
    multicast(switch);
    mirrors(switch);
    switch.reset().unwrap();
    assert_eq!(switch.entry_count("Handle.routes").unwrap(), 0);
    switch.set_queue_depths(1000).unwrap();
    let before = switch.elapsed_us().unwrap();
    assert!(switch.elapsed_us().unwrap() >= before);
    assert_eq!(switch.program().unwrap(), crate::support::CONTROL);
    assert_eq!(switch.program_md5().unwrap().len(), 16);
}

/// The data of an action without zeros in front, which switches may leave out.
fn values(action: &EntryAction) -> (String, Vec<Vec<u8>>) {
    let EntryAction::Action { name, data } = action else { panic!("{action:?}") };
    let short = |value: &Vec<u8>| value.iter().copied().skip_while(|&byte| byte == 0).collect();
    (name.clone(), data.iter().map(short).collect())
}

fn tables(switch: &dyn SwitchControl) {
    let (table, key) = ("Handle.routes", prefix([10, 1, 0, 0], 16));
    let handle = switch.add(table, &key, 0, &action("route", &[&[0, 3]])).unwrap();
    switch.apply_one(Update::Modify { table: table.into(), handle, action: action("route", &[&[1, 4]]) }).unwrap();
    let entries = switch.entries(table).unwrap();
    assert_eq!((entries.len(), entries[0].handle, &entries[0].key), (1, handle, &key));
    assert_eq!((entries[0].priority, values(&entries[0].action)), (None, ("Handle.route".into(), vec![vec![1, 4]])));
    assert_eq!(switch.count(table, handle).unwrap().packets, 0);
    let default = || switch.default_action(table).unwrap().map(|found| values(&found).0);
    assert_eq!(default().as_deref(), Some("Handle.drop"));
    switch.apply_one(Update::SetDefault { table: table.into(), action: action("route", &[&[0, 9]]) }).unwrap();
    assert_eq!(default().as_deref(), Some("Handle.route"));
    switch.apply_one(Update::ResetDefault { table: table.into() }).unwrap();
    assert_eq!(default().as_deref(), Some("Handle.drop"));
    switch.apply_one(Update::Delete { table: table.into(), handle }).unwrap();
    assert_eq!(switch.entry_count(table).unwrap(), 0);

    let ternary =
        vec![MatchParam::Ternary(vec![10, 0, 0, 0], vec![255, 0, 0, 0]), MatchParam::Ternary(vec![0; 4], vec![0; 4])];
    switch.add("Handle.access", &ternary, 5, &action("drop", &[])).unwrap();
    let range = vec![MatchParam::Range(vec![1], vec![9]), MatchParam::Exact(vec![1])];
    switch.add("Handle.hops", &range, 3, &action("drop", &[])).unwrap();
    for (table, key, priority) in [("Handle.access", ternary, 5), ("Handle.hops", range, 3)] {
        let entries = switch.entries(table).unwrap();
        assert_eq!((&entries[0].key, entries[0].priority), (&key, Some(priority)), "{table}");
        switch.clear(table).unwrap();
        assert_eq!(switch.entries(table).unwrap(), []);
    }
}

/// More changes than are under way at a time, one of them refused.
fn batches(switch: &dyn SwitchControl) {
    let add = |i: u16| Update::Add {
        table: "Handle.routes".into(),
        key: prefix([10, 2, (i % 60).try_into().unwrap(), 0], 24),
        priority: 0,
        action: action("route", &[&[0, 1]]),
    };
    let updates: Vec<_> = (0..600).map(add).collect();
    let answers = switch.apply(&updates);
    assert_eq!(answers.len(), 600);
    for (i, answer) in answers.iter().enumerate() {
        if i < 60 {
            assert!(matches!(answer, Ok(Some(_))), "{i}: {answer:?}");
        } else {
            assert!(matches!(answer, Err(ControlError::Table(TableError::DuplicateEntry))), "{i}: {answer:?}");
        }
    }
    assert_eq!(switch.entry_count("Handle.routes").unwrap(), 60);
    switch.clear("Handle.routes").unwrap();
}

fn refusals(switch: &dyn SwitchControl) {
    let key = prefix([10, 1, 0, 0], 16);
    let (routes, route) = ("Handle.routes", action("route", &[&[0, 3]]));
    let refused = |table: &str, key: &[MatchParam], action: &EntryAction| match switch.add(table, key, 0, action) {
        Err(ControlError::Table(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("Handle.nothing", &key, &route), TableError::InvalidTableName);
    assert_eq!(refused(routes, &key, &action("nothing", &[])), TableError::InvalidActionName);
    assert_eq!(refused(routes, &key, &action("route", &[])), TableError::BadActionData);
    assert_eq!(refused(routes, &[MatchParam::Lpm(vec![10, 1, 0], 16)], &route), TableError::BadMatchKey);
    for i in 0..64 {
        switch.add(routes, &prefix([i, 0, 0, 0], 8), 0, &route).unwrap();
    }
    assert_eq!(refused(routes, &key, &route), TableError::TableFull);
    assert_eq!(switch.entry_count(routes).unwrap(), 64);
    switch.clear(routes).unwrap();
    let gone = switch.apply_one(Update::Delete { table: routes.into(), handle: 77 });
    assert!(matches!(gone, Err(ControlError::Table(TableError::InvalidHandle))), "{gone:?}");
}

fn profiles(switch: &dyn SwitchControl) {
    let paths = "Handle.paths";
    let member = switch.add_member(paths, "Handle.forward", &[vec![0, 3], vec![2, 0, 0, 0, 0, 3]]).unwrap();
    let group = switch.create_member_group(paths).unwrap();
    switch.join(paths, member, group).unwrap();
    let key = [MatchParam::Exact(vec![2, 0, 0, 0, 0, 1])];
    let handle = switch.add("Handle.next", &key, 0, &EntryAction::Group(group)).unwrap();
    assert_eq!(switch.entries("Handle.next").unwrap()[0].action, EntryAction::Group(group));
    let update = Update::Modify { table: "Handle.next".into(), handle, action: EntryAction::Member(member) };
    switch.apply_one(update).unwrap();
    assert_eq!(switch.entries("Handle.next").unwrap()[0].action, EntryAction::Member(member));
    let used = switch.delete_member(paths, member);
    assert!(matches!(used, Err(ControlError::Table(TableError::MemberStillUsed))), "{used:?}");
    // BMv2 counts what `clear` deletes as still there.
    switch.apply_one(Update::DeleteIndirect { table: "Handle.next".into(), handle }).unwrap();
    switch.leave(paths, member, group).unwrap();
    switch.delete_member_group(paths, group).unwrap();
    switch.delete_member(paths, member).unwrap();
}

fn arrays(switch: &dyn SwitchControl) {
    switch.set_register("Handle.seen", 3, 0x1_2345).unwrap();
    assert_eq!(switch.register("Handle.seen", 3).unwrap(), 0x2345, "16 bits");
    let beyond = switch.register("Handle.seen", 8);
    assert!(matches!(beyond, Err(ControlError::Array(ArrayError::InvalidIndex))), "{beyond:?}");
    assert_eq!(switch.counter("Handle.marks", 3).unwrap().packets, 0);
    let unknown = switch.counter("Handle.nothing", 0);
    assert!(matches!(unknown, Err(ControlError::Array(ArrayError::InvalidName))), "{unknown:?}");
}

fn multicast(switch: &dyn SwitchControl) {
    let (all, fewer) = (BTreeSet::from([1, 2, 7]), BTreeSet::from([2]));
    switch.create_group(5).unwrap();
    let node = switch.create_node(9, &all).unwrap();
    switch.associate(5, node).unwrap();
    switch.update_node(node, &fewer).unwrap();
    let nodes = switch.nodes().unwrap();
    assert_eq!(nodes.len(), 1);
    assert_eq!((nodes[0].0, nodes[0].1.rid, &nodes[0].1.ports, nodes[0].1.group), (node, 9, &fewer, Some(5)));
    let twice = switch.associate(5, node);
    assert!(matches!(twice, Err(ControlError::Multicast(MulticastError::Other))), "{twice:?}");
    switch.destroy_node(node).unwrap();
    let gone = switch.destroy_node(node);
    assert!(matches!(gone, Err(ControlError::Multicast(MulticastError::InvalidNodeHandle))), "{gone:?}");
    switch.destroy_group(5).unwrap();
}

fn mirrors(switch: &dyn SwitchControl) {
    let mirror = Mirror { port: Some(510), group: Some(4) };
    switch.set_mirror(1, mirror).unwrap();
    assert_eq!(switch.mirror(1).unwrap(), mirror);
    switch.delete_mirror(1).unwrap();
    assert!(matches!(switch.mirror(1), Err(ControlError::NoSession)));
    assert!(matches!(switch.delete_mirror(1), Err(ControlError::NoSession)));
}

#[test]
fn in_its_own_process() {
    drive(&runtime());
}

#[test]
fn by_messages_in_its_own_process() {
    drive(&Client::over(Channel::builder().in_process(services(&runtime()))));
}

#[test]
fn over_tcp() {
    let server = served(&runtime());
    drive(&Client::connect(&server.url()).unwrap());
    server.shutdown(Duration::from_secs(1));
}

#[test]
fn over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}/switch.sock?transport=buffered", folder.path().display());
    let server = RuntimeServer::start(&runtime(), &url, false).unwrap();
    drive(&Client::connect(&server.url()).unwrap());
}

#[test]
fn many_threads_share_a_connection() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("unix://{}?transport=buffered", directory.path().join("runtime.sock").display());
    let runtime = runtime();
    let _server = RuntimeServer::start(&runtime, &url, false).unwrap();
    let client = Client::connect(&url).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let client = client.clone();
            scope.spawn(move || {
                for round in 0..500_u16 {
                    let key = prefix([10, thread, round.to_be_bytes()[0], round.to_be_bytes()[1]], 32);
                    let handle = client.add("Handle.routes", &key, 0, &action("route", &[&[0, 3]])).unwrap();
                    assert!(client.entry_count("Handle.routes").unwrap() > 0);
                    client.apply_one(Update::Delete { table: "Handle.routes".into(), handle }).unwrap();
                }
            });
        }
    });
    assert_eq!(client.entry_count("Handle.routes").unwrap(), 0);
}
