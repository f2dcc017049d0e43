//! Entries in a switch's tables, by the runtime API's operations.

use super::{RACK, rules};
use bifrost_switch::engine::{Engine, EntryAction, MatchParam};
use bifrost_switch::rules::{Decision, Entries, EntryChange, Live, LiveError, Operations, Scope, Table};
use bifrost_switch::runtime::{Client, ControlError, Runtime, RuntimeServer, Settings, SwitchControl};
use bifrost_switch::{PROGRAM, SharedEngine};

fn switch() -> Runtime {
    Runtime::new(SharedEngine::new(Engine::load(PROGRAM, 1).unwrap()), PROGRAM, Settings::default())
}

/// Makes a switch say what is wanted; how many changes it took.
fn install(switch: &dyn SwitchControl, wanted: &Entries, scope: Scope) -> usize {
    let mut live = Live::read(switch, scope).unwrap();
    let batch = live.changes(wanted, scope);
    let done = live.apply(switch, &batch);
    assert!(done.refused.is_empty() && done.left.is_empty(), "{done:?}");
    assert_eq!(done.applied, batch);
    batch.len()
}

/// What a switch says, by key and action.
fn says(switch: &dyn SwitchControl) -> Vec<String> {
    let live = Live::read(switch, Scope::All).unwrap();
    let entries = live.entries();
    let rows = entries.rows.iter().map(|(key, row)| format!("{key} => {}", row.action));
    rows.chain([format!("{:?} {:?}", entries.flood, entries.mirror)]).collect()
}

fn wanted(entries: &Entries) -> Vec<String> {
    let rows = entries.rows.iter().map(|(key, row)| format!("{key} => {}", row.action));
    rows.chain([format!("{:?} {:?}", entries.flood, entries.mirror)]).collect()
}

#[test]
fn a_switch_says_what_was_installed_and_nothing_changes_twice() {
    let (switch, entries) = (switch(), rules(RACK).entries());
    // The default of `rack` is the program's own already.
    assert_eq!(install(&switch, &entries, Scope::Described), entries.rows.len() - 1 + 2);
    assert_eq!(says(&switch), wanted(&entries));
    assert_eq!(install(&switch, &entries, Scope::Described), 0);
}

#[test]
fn another_rack_takes_the_place_of_the_first() {
    let switch = switch();
    install(&switch, &rules(RACK).entries(), Scope::Described);
    let other =
        RACK.replace("port = 2\n", "port = 12\n").replace("mac = \"02:b1:f0:00:00:01\"", "mac = \"02:b1:f0:00:00:02\"");
    let other = rules(&other.replace("serves = [\"Arrays\", \"SharedArrays\"]", "")).entries();
    install(&switch, &other, Scope::Described);
    assert_eq!(says(&switch), wanted(&other));
}

#[test]
fn decisions_are_applied_as_they_are_taken() {
    let switch = switch();
    let mut intent = rules(RACK);
    install(&switch, &intent.entries(), Scope::All);
    let source = "fd00:b1f0:0:1::c1".parse().unwrap();
    let pointer = bifrost_rpc::wire::Pointer::new(0xfd, 1, 9);
    let mut live = Live::read(&switch, Scope::All).unwrap();
    for decision in [
        Decision::InstanceStarts { instance: 7, service: "Arrays".to_owned(), node: "s1".to_owned(), at: None },
        Decision::Grant { pointer, operations: Operations::ALL, source },
        Decision::NodeDies("s2".to_owned()),
        Decision::InstanceHeld(7),
        Decision::Revoke { pointer, operations: Operations::WRITE, source },
        Decision::MemoryDies(2),
    ] {
        let done = live.apply(&switch, &intent.decide(decision.clone()).unwrap());
        assert!(done.refused.is_empty(), "{decision:?}: {done:?}");
        assert_eq!(says(&switch), wanted(&intent.entries()), "{decision:?}");
    }
}

#[test]
fn what_the_control_plane_alone_fills_is_left_alone() {
    let switch = switch();
    let mut intent = rules(RACK);
    let start = Decision::InstanceStarts { instance: 7, service: "Arrays".to_owned(), node: "s1".to_owned(), at: None };
    intent.decide(start).unwrap();
    install(&switch, &intent.entries(), Scope::All);
    let described = rules(RACK).entries();
    assert_eq!(install(&switch, &described, Scope::Described), 0);
    assert_eq!(install(&switch, &described, Scope::All), 1);
}

#[test]
fn nothing_is_deleted_while_what_replaces_it_is_refused() {
    let small = PROGRAM.replacen("\"max_size\" : 256", "\"max_size\" : 2", 1);
    assert_ne!(small, PROGRAM);
    let switch = Runtime::new(SharedEngine::new(Engine::load(&small, 1).unwrap()), &small, Settings::default());
    let entries = rules(RACK).entries();
    install(&switch, &entries, Scope::Described);
    let other = rules(&RACK.replace("id = 2\n", "id = 7\n")).entries();
    let mut live = Live::read(&switch, Scope::Described).unwrap();
    let done = live.apply(&switch, &live.changes(&other, Scope::Described));
    let [(EntryChange::Add(key, _), error)] = &done.refused[..] else { panic!("{done:?}") };
    assert_eq!(key.table, Table::MemoryServer);
    assert!(error.to_string().contains("the table is full"), "{error}");
    assert!(
        done.left.iter().any(|change| matches!(change, EntryChange::Delete(key) if key.table == Table::MemoryServer))
    );
    let old = wanted(&entries);
    let now = says(&switch);
    assert!(old.iter().filter(|row| row.starts_with("memory_server")).all(|row| now.contains(row)));
}

#[test]
fn entries_that_are_no_racks_are_named() {
    let switch = switch();
    let key = [MatchParam::Exact(vec![0, 0, 0, 0, 0, 9])];
    let far = EntryAction::Action { name: "forward".to_owned(), data: vec![vec![0x12, 0x34, 0x56]] };
    assert!(switch.add("l2", &key, 0, &far).is_err(), "no port has such a number");
    assert!(Live::read(&switch, Scope::Described).is_ok());
    let key = [MatchParam::Exact(vec![0; 16])];
    switch.add("node", &key, 0, &EntryAction::Action { name: "NoAction".to_owned(), data: Vec::new() }).unwrap();
    assert!(matches!(Live::read(&switch, Scope::Described), Err(LiveError::Foreign("node"))));
}

#[test]
fn another_program_is_told_from_a_racks() {
    let other = PROGRAM.replace("\"rpc_place\"", "\"rpc_site\"");
    let switch = Runtime::new(SharedEngine::new(Engine::load(&other, 1).unwrap()), &other, Settings::default());
    let error = Live::read(&switch, Scope::Described).unwrap_err();
    assert_eq!(error.to_string(), "the switch runs another program: it has no table `rpc_place`");
}

#[test]
fn a_switch_in_another_process_is_filled_by_the_runtime_api() {
    let switch = switch();
    let server = RuntimeServer::start(&switch, "tcp://127.0.0.1:0?transport=buffered&multiplexed=true", false).unwrap();
    let client = Client::connect(&server.url()).unwrap();
    let entries = rules(RACK).entries();
    install(&client, &entries, Scope::Described);
    assert_eq!(says(&switch), wanted(&entries));
    assert_eq!(install(&client, &entries, Scope::Described), 0);
    drop(server);
    let gone = Live::read(&client, Scope::Described).unwrap_err();
    assert!(matches!(gone, LiveError::Switch { table: "rack", error: ControlError::Call(_) }), "{gone}");
}
