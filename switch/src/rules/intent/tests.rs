use super::*;
use crate::rules::rack::Mac;
use crate::rules::topology::{Fabric, MemoryServer, Method, Node, ServiceRules};
use crate::rules::{Action, CONTROL_PORT, Key, Operations};
use bifrost_rpc::wire::MethodField;
use proptest::prelude::*;
use std::collections::BTreeSet;

const SERVICES: [&str; 3] = ["Arrays", "Echo", "Ping"];

fn address(node: u8, n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, u16::from(node), u16::from(n))
}

/// A node of two addresses. Odd ones do not own the services' addresses.
fn node(n: u8) -> Node {
    let addresses = vec![address(n, 1), address(n, 2)];
    let mac = Mac([2, 0, 0, 0, 0, n]);
    Node { name: format!("n{n}"), port: n.into(), mac, addresses, owns_service_addresses: n.is_multiple_of(2) }
}

fn memory(id: u8) -> MemoryServer {
    MemoryServer { id, port: 100 + u16::from(id), mac: Mac([2, 0, 0, 0, 1, id]) }
}

fn rack() -> Topology {
    let prefix = "fd00:0:0:2::".parse().unwrap();
    let fabric = Fabric {
        prefix,
        memory_prefix: 0xfd,
        mac: Mac([2, 1, 0, 0, 0, 0]),
        flood: BTreeSet::from([1]),
        places: Vec::new(),
    };
    let mut topology = Topology::new(fabric);
    for (number, name) in (1..).zip(SERVICES) {
        let field = MethodField::new(name, "run");
        let method = Method { full_name: format!("{name}:run"), field, tracking: 0, places: Vec::new() };
        let rules = ServiceRules { name: name.to_owned(), number, methods: vec![method], places: Vec::new() };
        topology.add_service(rules).unwrap();
    }
    topology
}

fn intent() -> Intent {
    Intent::new(rack(), Sizes::default()).unwrap()
}

fn pointer(server: u8, object: u64) -> Pointer {
    Pointer::new(0xfd, server, object)
}

fn starts(instance: u32, service: &str, node: u8) -> Decision {
    let at = Some(address(node, 1));
    Decision::InstanceStarts { instance, service: service.to_owned(), node: format!("n{node}"), at }
}

fn decided(intent: &mut Intent, decisions: impl IntoIterator<Item = Decision>) -> Vec<EntryChange> {
    decisions.into_iter().flat_map(|decision| intent.decide(decision).unwrap()).collect()
}

fn actions(intent: &Intent, table: Table) -> Vec<(Vec<String>, String)> {
    let rows = intent.entries().rows;
    let texts = |key: &Key| key.texts().map(|(_, text)| text).collect();
    rows.iter().filter(|(key, _)| key.table == table).map(|(key, row)| (texts(key), row.action.to_string())).collect()
}

#[test]
fn a_second_instance_takes_its_share_by_one_entry() {
    let mut intent = intent();
    decided(&mut intent, [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(4)), starts(7, "Ping", 2)]);
    let places = |batch: &[EntryChange]| batch.iter().filter(|change| change.table() == Some(Table::RpcPlace)).count();
    let batch = decided(&mut intent, [starts(8, "Ping", 4)]);
    assert_eq!(places(&batch), 1, "{batch:?}");
    let batch = decided(&mut intent, [Decision::InstanceEnds(8)]);
    assert_eq!(places(&batch), 1, "{batch:?}");
}

#[test]
fn a_dead_node_is_blocked_first_and_serves_nothing() {
    let mut intent = intent();
    decided(
        &mut intent,
        [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(4)), Decision::MemoryJoins(memory(1))],
    );
    decided(&mut intent, [starts(7, "Ping", 2), starts(8, "Ping", 4)]);
    let grant = Decision::Grant { pointer: pointer(1, 9), operations: Operations::ALL, source: address(2, 1) };
    decided(&mut intent, [grant]);
    let batch = decided(&mut intent, [Decision::NodeDies("n2".to_owned())]);
    let tables: Vec<Option<Table>> = batch.iter().map(EntryChange::table).collect();
    let blocked = [Table::BlockedSource, Table::BlockedDestination].map(Some);
    assert!(tables[..4].iter().all(|table| blocked.contains(table)), "{tables:?}");
    assert_eq!(tables[4..6], [Some(Table::MemoryAccess); 2], "{tables:?}");
    let deliver = "deliver 4 02:00:00:00:00:04".to_owned();
    assert_eq!(actions(&intent, Table::RpcPlace), [(vec!["3".to_owned(), "0x0000/0".to_owned()], deliver.clone())]);
    assert_eq!(actions(&intent, Table::RpcInstance), [(vec!["0x00000008".to_owned()], deliver)]);
    assert_eq!(actions(&intent, Table::MemoryAccess), []);
    // Its own addresses stay known, so that its announcement is told from a stranger's.
    assert_eq!(actions(&intent, Table::PortSecurity).iter().filter(|(key, _)| key[0] == "2").count(), 2);
    let batch = decided(&mut intent, [Decision::NodeJoins(node(2))]);
    assert_eq!(batch.last().and_then(EntryChange::table), Some(Table::BlockedDestination));
    assert_eq!(actions(&intent, Table::BlockedSource), []);
}

#[test]
fn a_held_instance_outlives_its_node_and_goes_on_elsewhere() {
    let mut intent = intent();
    decided(&mut intent, [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(3)), starts(7, "Ping", 2)]);
    decided(&mut intent, [Decision::InstanceHeld(7), Decision::NodeDies("n2".to_owned())]);
    let instance = |intent: &Intent| actions(intent, Table::RpcInstance).pop().unwrap().1;
    assert_eq!(instance(&intent), "hold");
    assert_eq!(actions(&intent, Table::RpcPlace), []);
    let batch = decided(&mut intent, [Decision::InstanceRestored { instance: 7, node: "n3".to_owned(), at: None }]);
    assert_eq!(instance(&intent), "deliver_to 3 02:00:00:00:00:03 fd00::1:0:0:3:1");
    // What rewrites its answers is there before what leads to it.
    let order: Vec<Option<Table>> = batch.iter().map(EntryChange::table).collect();
    assert_eq!(order, [Table::ServiceSource, Table::RpcInstance, Table::RpcPlace].map(Some));
}

#[test]
fn a_lease_takes_the_write_away_before_it_lets_the_callee_read() {
    let mut intent = intent();
    decided(&mut intent, [Decision::NodeJoins(node(2)), Decision::MemoryJoins(memory(1))]);
    let of = |operations| (pointer(1, 9), operations, address(2, 1));
    let grant = |(pointer, operations, source)| Decision::Grant { pointer, operations, source };
    let revoke = |(pointer, operations, source)| Decision::Revoke { pointer, operations, source };
    assert_eq!(decided(&mut intent, [grant(of(Operations::READ))]).len(), 1);
    assert_eq!(decided(&mut intent, [grant(of(Operations::ALL))]).len(), 1);
    assert_eq!(decided(&mut intent, [grant(of(Operations::ALL))]).len(), 0);
    assert_eq!(decided(&mut intent, [revoke(of(Operations::WRITE))]).len(), 1);
    assert_eq!(decided(&mut intent, [revoke(of(Operations::WRITE))]).len(), 0);
    assert_eq!(decided(&mut intent, [Decision::Freed(pointer(1, 9))]).len(), 1);
    assert_eq!(actions(&intent, Table::MemoryAccess), []);
}

#[test]
fn rights_change_all_or_not_at_all() {
    let mut intent = intent();
    decided(
        &mut intent,
        [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(4)), Decision::MemoryJoins(memory(1))],
    );
    let grant = |n, operations| Decision::Grant { pointer: pointer(1, 9), operations, source: address(n, 1) };
    let revoke = |n, operations| Decision::Revoke { pointer: pointer(1, 9), operations, source: address(n, 1) };
    decided(&mut intent, [grant(2, Operations::ALL)]);
    let (before, counts) = (intent.entries(), intent.counts.clone());
    let all = [revoke(2, Operations::WRITE), grant(4, Operations::READ), grant(7, Operations::READ)];
    assert_eq!(intent.decide_rights(all.clone()).unwrap_err(), [Problem::UnknownSource(address(7, 1))]);
    assert_eq!((intent.entries(), &intent.counts), (before, &counts));
    assert_eq!(intent.decide_rights(all[..2].to_vec()).unwrap().len(), 2);
    // What was a dead server's is gone already.
    decided(&mut intent, [Decision::MemoryDies(1)]);
    assert_eq!(intent.decide_rights([revoke(2, Operations::ALL), Decision::Freed(pointer(1, 9))]), Ok(Vec::new()));
}

#[test]
fn a_service_may_be_declared_and_grow_while_the_rack_runs() {
    let mut intent = intent();
    let declare = |service: &str, methods: &[&str]| Decision::ServiceDeclared {
        service: service.to_owned(),
        methods: methods.iter().map(|name| (MethodField::new(service, name), 2)).collect(),
    };
    assert_eq!(decided(&mut intent, [declare("Quote", &["get", "set"])]).len(), 2);
    assert_eq!(decided(&mut intent, [declare("Quote", &["get"])]), [], "it is known");
    assert_eq!(decided(&mut intent, [declare("Ping", &["run", "pong"])]).len(), 1, "its own methods stay as they are");
    assert_eq!(intent.topology().service_of(MethodField::new("Ping", "pong")), Some("Ping"));
    let (before, field) = (intent.entries(), MethodField::new("Ping", "run"));
    let taken = Decision::ServiceDeclared { service: "Other".to_owned(), methods: vec![(field, 0)] };
    assert_eq!(intent.decide(taken).unwrap_err(), [Problem::MethodTaken(field, "Ping".to_owned())]);
    assert_eq!(intent.entries(), before);
    decided(&mut intent, [Decision::NodeJoins(node(2)), starts(7, "Quote", 2)]);
    assert!(intent.topology().is_served("Quote"));
}

#[test]
fn an_instance_may_serve_several_services_of_a_node_that_owns_their_addresses() {
    let mut intent = intent();
    decided(&mut intent, [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(3)), Decision::NodeJoins(node(4))]);
    decided(&mut intent, [starts(7, "Ping", 2), starts(7, "Echo", 2)]);
    assert_eq!(actions(&intent, Table::RpcInstance).len(), 1);
    let taken = |intent: &mut Intent, decision| intent.decide(decision).unwrap_err() == [Problem::InstanceTaken(7)];
    assert!(taken(&mut intent, starts(7, "Arrays", 4)), "another node's");
    let serves_not = |service: &str| Decision::InstanceServesNot { instance: 7, service: service.to_owned() };
    decided(&mut intent, [serves_not("Ping")]);
    assert_eq!((intent.topology().is_served("Ping"), intent.topology().is_served("Echo")), (false, true));
    decided(&mut intent, [serves_not("Echo")]);
    assert_eq!(actions(&intent, Table::RpcInstance), []);
    let other = Decision::InstanceStarts {
        instance: 7,
        service: "Echo".to_owned(),
        node: "n3".to_owned(),
        at: Some(address(3, 2)),
    };
    decided(&mut intent, [starts(7, "Ping", 3)]);
    assert!(taken(&mut intent, other), "packets of an instance go to one address");
}

#[test]
fn without_its_machines_a_rack_has_its_services() {
    let mut intent = intent();
    let empty = intent.entries();
    decided(&mut intent, [Decision::NodeJoins(node(2)), Decision::MemoryJoins(memory(1)), starts(7, "Ping", 2)]);
    let dies = [Decision::NodeJoins(node(4)), Decision::NodeDies("n4".to_owned())];
    decided(&mut intent, dies);
    let grant = Decision::Grant { pointer: pointer(1, 9), operations: Operations::ALL, source: address(2, 1) };
    decided(&mut intent, [grant]);
    let machines = intent.take_machines();
    let names: Vec<&str> = machines.nodes.iter().map(|(node, _)| node.name.as_str()).collect();
    assert_eq!((names, machines.servers), (vec!["n2", "n4"], vec![memory(1)]));
    assert_eq!(machines.nodes[0].1, [("Ping".to_owned(), address(2, 1))]);
    assert_eq!(intent.entries(), empty);
    assert_eq!(intent.check([Decision::NodeJoins(node(2)), Decision::NodeLeaves("n2".to_owned())]), Ok(()));
    assert!(intent.check([Decision::NodeLeaves("n2".to_owned())]).is_err());
}

#[test]
fn a_draining_node_keeps_its_sessions() {
    let mut intent = intent();
    decided(&mut intent, [Decision::NodeJoins(node(2)), starts(7, "Ping", 2)]);
    decided(&mut intent, [Decision::ServiceDrains { service: "Ping".to_owned(), node: "n2".to_owned() }]);
    assert_eq!(actions(&intent, Table::RpcPlace), []);
    assert_eq!(actions(&intent, Table::RpcInstance).len(), 1);
    assert!(!intent.topology().is_served("Ping"));
}

#[test]
fn a_decision_that_cannot_be_changes_nothing() {
    let mut intent = intent();
    let start = |service: &str, node: &str, at| Decision::ServiceStarts {
        service: service.to_owned(),
        node: node.to_owned(),
        at,
    };
    decided(
        &mut intent,
        [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(3)), Decision::MemoryJoins(memory(1))],
    );
    decided(&mut intent, [starts(7, "Ping", 2), starts(8, "Ping", 3), Decision::NodeJoins(node(4))]);
    decided(
        &mut intent,
        [Decision::NodeDies("n4".to_owned()), Decision::MemoryJoins(memory(2)), Decision::MemoryDies(2)],
    );
    let before = intent.entries();
    let grant = |pointer, source| Decision::Grant { pointer, operations: Operations::READ, source };
    let refused = [
        (Decision::NodeJoins(Node { mac: node(3).mac, ..node(5) }), "is already that of node `n3`"),
        (Decision::NodeJoins(Node { port: 5, ..node(2) }), "the name is already that of"),
        (Decision::NodeLeaves("n9".to_owned()), "no node `n9`"),
        (Decision::NodeDies("n4".to_owned()), "`n4` was declared dead"),
        (starts(7, "Ping", 2), "0x00000007 exists already"),
        (starts(0, "Ping", 2), "not 0"),
        (starts(9, "Pong", 2), "no manifest has a service `Pong`"),
        (starts(9, "Echo", 3), "serves `Ping` at fd00::1:0:0:3:1 already"),
        (start("Ping", "n2", None), "already serves"),
        (start("Echo", "n4", None), "declared dead"),
        (start("Echo", "n2", Some(address(3, 1))), "not an address of the node"),
        (Decision::ServiceStops { service: "Echo".to_owned(), node: "n2".to_owned() }, "does not serve"),
        (Decision::ServiceDrains { service: "Echo".to_owned(), node: "n2".to_owned() }, "does not serve"),
        (Decision::InstanceEnds(3), "no instance 0x00000003"),
        (Decision::InstanceHeld(3), "no instance"),
        (Decision::InstanceRestored { instance: 3, node: "n2".to_owned(), at: None }, "no instance"),
        (Decision::InstanceRestored { instance: 7, node: "n4".to_owned(), at: None }, "declared dead"),
        (Decision::MemoryJoins(MemoryServer { port: 9, ..memory(1) }), "memory server 1 is already"),
        (Decision::MemoryLeaves(9), "no memory server 9"),
        (Decision::MemoryDies(2), "2 was declared dead"),
        (grant(pointer(9, 1), address(2, 1)), "no memory server 9"),
        (grant(pointer(2, 1), address(2, 1)), "2 was declared dead"),
        (grant(pointer(1, 1), address(4, 1)), "no address of a node in good standing"),
        (grant(pointer(1, 0), address(2, 1)), "not a pointer to an object"),
        (grant(Pointer::new(0xfe, 1, 1), address(2, 1)), "not a pointer to an object"),
    ];
    for (decision, why) in refused {
        let problems = intent.decide(decision.clone()).unwrap_err();
        assert!(problems.len() == 1 && problems[0].to_string().contains(why), "{decision:?}: {problems:?}");
        assert_eq!(intent.entries(), before, "{decision:?}");
    }
}

#[test]
fn a_full_table_refuses_what_is_new_and_nothing_else() {
    let sizes = Sizes::default().with(Table::MemoryAccess, 1).with(Table::BlockedSource, 2);
    let mut intent = Intent::new(rack(), sizes).unwrap();
    decided(
        &mut intent,
        [Decision::NodeJoins(node(2)), Decision::NodeJoins(node(4)), Decision::MemoryJoins(memory(1))],
    );
    let grant = |operations| Decision::Grant { pointer: pointer(1, 9), operations, source: address(2, 1) };
    let full = [Problem::Full { table: Table::MemoryAccess, need: 2, room: 1 }];
    assert_eq!(intent.decide(grant(Operations::ALL)).unwrap_err(), full);
    decided(&mut intent, [grant(Operations::READ), Decision::NodeDies("n2".to_owned())]);
    let full = [Problem::Full { table: Table::BlockedSource, need: 4, room: 2 }];
    let before = intent.entries();
    assert_eq!(intent.decide(Decision::NodeDies("n4".to_owned())).unwrap_err(), full);
    assert_eq!(intent.entries(), before);
    decided(&mut intent, [Decision::NodeJoins(node(2)), Decision::NodeDies("n4".to_owned())]);
}

fn decision() -> impl Strategy<Value = Decision> {
    let service = || prop::sample::select(&SERVICES[..]).prop_map(str::to_owned);
    let declared = || prop::sample::select(vec!["Ping", "Quote"]).prop_map(str::to_owned);
    let (n, id, instance) = (|| 1..5_u8, || 1..3_u8, || 1..6_u32);
    let name = move || n().prop_map(|n| format!("n{n}"));
    let at = move || prop::option::of((n(), 1..3_u8).prop_map(|(n, a)| address(n, a)));
    let right = move || {
        let operations = prop::sample::select(vec![Operations::ALL, Operations::READ, Operations::WRITE]);
        (id(), 1..3_u64, n(), operations).prop_map(|(id, object, n, of)| (pointer(id, object), of, address(n, 1)))
    };
    prop_oneof![
        4 => n().prop_map(|n| Decision::NodeJoins(node(n))),
        1 => name().prop_map(Decision::NodeLeaves),
        1 => name().prop_map(Decision::NodeDies),
        3 => (service(), name(), at()).prop_map(|(service, node, at)| Decision::ServiceStarts { service, node, at }),
        1 => (service(), name()).prop_map(|(service, node)| Decision::ServiceDrains { service, node }),
        1 => (service(), name()).prop_map(|(service, node)| Decision::ServiceStops { service, node }),
        5 => (instance(), service(), name(), at())
            .prop_map(|(instance, service, node, at)| Decision::InstanceStarts { instance, service, node, at }),
        1 => (instance(), service()).prop_map(|(instance, service)| Decision::InstanceServesNot { instance, service }),
        1 => instance().prop_map(Decision::InstanceEnds),
        1 => (declared(), 0..3_u8).prop_map(|(service, n)| Decision::ServiceDeclared {
            methods: vec![(MethodField::new(&service, &format!("m{n}")), n)],
            service,
        }),
        2 => instance().prop_map(Decision::InstanceHeld),
        2 => (instance(), name(), at())
            .prop_map(|(instance, node, at)| Decision::InstanceRestored { instance, node, at }),
        3 => id().prop_map(|id| Decision::MemoryJoins(memory(id))),
        1 => id().prop_map(Decision::MemoryLeaves),
        1 => id().prop_map(Decision::MemoryDies),
        8 => right().prop_map(|(pointer, operations, source)| Decision::Grant { pointer, operations, source }),
        3 => right().prop_map(|(pointer, operations, source)| Decision::Revoke { pointer, operations, source }),
        1 => (id(), 1..3_u64).prop_map(|(id, object)| Decision::Freed(pointer(id, object))),
    ]
}

/// Key and action of all entries.
fn says(entries: &Entries) -> BTreeMap<Key, Action> {
    entries.rows.iter().map(|(key, row)| (*key, row.action)).collect()
}

/// Applies a batch as a switch does, which refuses what makes no sense.
fn apply(tables: &mut BTreeMap<Key, Action>, batch: &[EntryChange]) {
    for change in batch {
        match change {
            EntryChange::Add(key, action) => assert_eq!(tables.insert(*key, *action), None, "{change}"),
            EntryChange::Modify(key, action) => assert!(tables.insert(*key, *action).is_some(), "{change}"),
            EntryChange::Delete(key) => assert!(tables.remove(key).is_some(), "{change}"),
            EntryChange::Flood(_) | EntryChange::Mirror(_) => panic!("no decision changes {change}"),
        }
    }
}

/// How many keys have another action, or are on one side only.
fn distance(one: &BTreeMap<Key, Action>, other: &BTreeMap<Key, Action>) -> usize {
    let keys: BTreeSet<&Key> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).count()
}

proptest! {
    #[test]
    fn a_batch_is_the_smallest_that_makes_the_new_of_the_old(decisions in prop::collection::vec(decision(), 1..60)) {
        let mut intent = intent();
        let mut tables = says(&intent.entries());
        for decision in decisions {
            let before = says(&intent.entries());
            match intent.decide(decision.clone()) {
                Ok(batch) => {
                    apply(&mut tables, &batch);
                    // What the rack now is, compiled from nothing.
                    let fresh = Intent::new(intent.topology.clone(), Sizes::default()).unwrap();
                    let mut expected = fresh.entries();
                    intent.access.put(&mut expected);
                    prop_assert_eq!(&tables, &says(&expected), "{:?}", decision);
                    prop_assert_eq!(&expected, &intent.entries());
                    prop_assert_eq!(batch.len(), distance(&before, &tables), "{:?}: {:?}", decision, batch);
                    let counts: BTreeMap<Table, usize> = intent.counts.iter().filter(|(_, n)| **n > 0).map(|(t, n)| (*t, *n)).collect();
                    prop_assert_eq!(counts, intent.entries().counts());
                }
                Err(_) => prop_assert_eq!(&before, &says(&intent.entries())),
            }
        }
    }

    #[test]
    fn the_order_of_joining_does_not_matter(order in Just((1..9_u8).collect::<Vec<_>>()).prop_shuffle()) {
        let joined = |order: &[u8]| {
            let mut intent = intent();
            decided(&mut intent, order.iter().map(|n| Decision::NodeJoins(node(*n))));
            decided(&mut intent, order.iter().map(|n| starts((*n).into(), "Ping", *n)));
            intent.entries()
        };
        prop_assert_eq!(joined(&order), joined(&(1..9).collect::<Vec<_>>()));
    }

    #[test]
    fn nobody_is_led_to_what_is_not_there(decisions in prop::collection::vec(decision(), 1..60)) {
        let mut intent = intent();
        for decision in decisions {
            let _ = intent.decide(decision);
            let rows = says(&intent.entries());
            let is_there = |mac: Mac| rows.contains_key(&Key::new(Table::L2, &[mac.to_bits().into()], 0));
            for (key, action) in &rows {
                match action {
                    // The control plane is no machine.
                    Action::Deliver { port: CONTROL_PORT, .. } => {}
                    Action::Deliver { mac, .. } | Action::DeliverTo { mac, .. } => prop_assert!(is_there(*mac), "{}", key),
                    _ => {}
                }
            }
            // Services that are served have a share for every value.
            for service in 1..=3_u128 {
                let any = rows.keys().any(|key| key.table == Table::RpcPlace && key.fields().next() == Some(crate::rules::Match::Exact(service)));
                prop_assert!(!any || rows.contains_key(&Key::new(Table::RpcPlace, &[service, 0], 0)));
            }
        }
    }
}
