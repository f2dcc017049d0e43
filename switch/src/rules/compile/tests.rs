use super::*;
use crate::rules::rack::{MAC_DEFAULT, Mac};
use crate::rules::{Action, Entries, Key, Table};
use bifrost_rpc::wire::{MethodField, service_address};

const PREFIX: &str = "[rack]\nprefix = \"fd00:b1f0:0:1::/64\"\n";

/// A node at a port, whose MAC address and address end in the same number.
fn node(name: &str, port: u16, more: &str) -> String {
    format!(
        "[[node]]\nname = \"{name}\"\nport = {port}\nmac = \"02:00:00:00:00:{port:02x}\"\naddresses = [\"fd00:b1f0:0:1::{port:x}\"]\n{more}\n"
    )
}

fn memory(id: u8, port: u16) -> String {
    format!("[[memory]]\nid = {id}\nport = {port}\nmac = \"02:00:00:00:01:{port:02x}\"\n")
}

/// A manifest of one service with methods and what is said of them.
fn manifest(service: &str, methods: &[(&str, &str)]) -> String {
    let methods: Vec<String> = methods
        .iter()
        .map(|(name, more)| {
            let field = u128::from_be_bytes(*MethodField::new(service, name).bytes());
            let (oneway, policy) = match more.strip_prefix("oneway") {
                Some(rest) => (true, rest.trim()),
                None => (false, *more),
            };
            let policy = if policy.is_empty() { "null".to_owned() } else { format!("\"{policy}\"") };
            format!(
                "{{\"name\": \"{name}\", \"field\": \"{field:032x}\", \"oneway\": {oneway}, \"on_failure\": {policy}, \"inherited_from\": null, \"line\": 7}}"
            )
        })
        .collect();
    format!(
        "{{\"format\": \"bifrost-manifest\", \"version\": 1, \"services\": [\n{{\"name\": \"{service}\", \"file\": \"{}.thrift\", \"methods\": [\n{}\n]}}\n]}}\n",
        service.to_lowercase(),
        methods.join(",\n")
    )
}

fn ping() -> String {
    manifest("Ping", &[("ping", "")])
}

fn compile_with(rack: &str, manifests: &[String], sizes: &Sizes) -> Result<Intent, String> {
    let rack = Source::new("rack.toml", format!("{PREFIX}{rack}"));
    let named = |(n, text): (usize, &String)| Source::new(format!("m{n}.json"), text.as_str());
    let manifests: Vec<_> = manifests.iter().enumerate().map(named).collect();
    compile(&rack, &manifests, sizes).map_err(|faults| crate::rules::render(&faults))
}

fn faults(rack: &str, manifests: &[String]) -> String {
    compile_with(rack, manifests, &Sizes::default()).unwrap_err()
}

fn entries(rack: &str, manifests: &[String]) -> Entries {
    compile_with(rack, manifests, &Sizes::default()).unwrap().entries()
}

/// Checks that a rack has just one fault, which says all this.
fn refused(rack: &str, manifests: &[String], texts: &[&str]) {
    let text = faults(rack, manifests);
    assert_eq!(text.matches("error: ").count(), 1, "{text}");
    for expected in texts {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

#[test]
fn a_node_that_serves_has_its_entries() {
    let found = entries(&node("s1", 2, "serves = [\"Ping\"]"), &[ping()]);
    let (mac, own) = (Mac([2, 0, 0, 0, 0, 2]), 0xfd00_b1f0_0000_0001_0000_0000_0000_0002_u128);
    let address = service_address("fd00:b1f0:0:1::".parse().unwrap(), "Ping").to_bits();
    let control = 0xfd00_b1f0_0000_0001_0000_0000_0000_b1f0;
    let deliver = Action::Deliver { port: 2, mac };
    let key = |table, values: &[u128], bits| Key::new(table, values, bits);
    let bits = u128::from(mac.to_bits());
    let Action::Serve { service, tracking: 0 } =
        found.rows.values().find(|row| row.action.name() == "serve").unwrap().action
    else {
        panic!("no tracking was asked for");
    };
    let field = u128::from_be_bytes(*b"Ping:ping\0\0\0\0\0\0\0");
    let expected = [
        (Key::default_of(Table::Rack), Action::Configure { memory_prefix: 0xfd, mac: MAC_DEFAULT }),
        (key(Table::PortSecurity, &[2, bits, own], 128), Action::Admit),
        (key(Table::PortSecurity, &[2, bits, address], 128), Action::Admit),
        (key(Table::RpcService, &[9, field], 0), Action::Serve { service, tracking: 0 }),
        (key(Table::RpcPlace, &[service.into(), 0], 0), deliver),
        (key(Table::Node, &[own], 0), deliver),
        (key(Table::Node, &[address], 0), deliver),
        (key(Table::L2, &[bits], 0), Action::Forward { port: 2 }),
        (key(Table::Ipv6Route, &[control], 128), Action::Deliver { port: 510, mac: MAC_DEFAULT }),
    ];
    let rows: Vec<(Key, Action)> = found.rows.into_iter().map(|(key, row)| (key, row.action)).collect();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(rows, expected);
    assert_eq!(found.flood, BTreeSet::from([2]));
}

#[test]
fn an_entry_says_which_lines_ask_for_it() {
    let found = entries(&node("s1", 2, "serves = [\"Ping\"]"), &[ping()]);
    let places = |name: &str| -> Vec<String> {
        let row = found.rows.iter().find(|(key, _)| key.to_string().starts_with(name)).unwrap().1;
        row.origin.places.iter().map(ToString::to_string).collect()
    };
    assert_eq!(places("rpc_service"), ["ping.thrift:7", "m0.json:3"]);
    assert_eq!(places("rpc_place"), ["rack.toml:8"]);
    assert_eq!(places("l2"), ["rack.toml:4"]);
    assert_eq!(places("rack"), ["rack.toml:2"]);
}

#[test]
fn a_node_that_does_not_own_service_addresses_has_them_rewritten() {
    let found = entries(&node("s1", 2, "serves = [\"Ping\"]\nowns_service_addresses = false"), &[ping()]);
    let own: Ipv6Addr = "fd00:b1f0:0:1::2".parse().unwrap();
    let service = service_address(own, "Ping");
    let mac = Mac([2, 0, 0, 0, 0, 2]);
    let of = |table| found.rows.iter().filter(move |(key, _)| key.table == table).map(|(_, row)| row.action);
    assert_eq!(of(Table::RpcPlace).collect::<Vec<_>>(), [Action::DeliverTo { port: 2, mac, address: own }]);
    assert_eq!(of(Table::ServiceSource).collect::<Vec<_>>(), [Action::AnswerAs { address: service }]);
    // Its own address alone: it neither sends from the service's nor takes packets for it.
    assert_eq!((of(Table::PortSecurity).count(), of(Table::Node).count()), (1, 1));
}

#[test]
fn memory_servers_hosts_and_routes_have_their_entries() {
    let rack = format!(
        "{}{}",
        memory(7, 3),
        "[[host]]\nmac = \"02:00:00:00:09:01\"\nport = 6\n[[route]]\nto = \"10.0.0.0/8\"\nport = 6\nmac = \"02:00:00:00:09:01\"\n[[route]]\nto = \"::/0\"\nport = 6\nmac = \"02:00:00:00:09:01\"\n"
    );
    let found = entries(&rack, &[]);
    let texts: Vec<String> = found.rows.iter().map(|(key, row)| format!("{key} => {}", row.action)).collect();
    let expected = [
        "rack => configure 0xfd 02:b1:f0:00:00:01",
        "port_security 3 02:00:00:00:01:03 0:0:fd07::/48",
        "memory_server 7 => deliver 3 02:00:00:00:01:03",
        "l2 02:00:00:00:01:03 => forward 3",
        "l2 02:00:00:00:09:01 => forward 6",
        "ipv4_route 10.0.0.0/8 => deliver 6 02:00:00:00:09:01",
        "ipv6_route ::/0 => deliver 6 02:00:00:00:09:01",
        "ipv6_route fd00:b1f0:0:1::b1f0/128 => deliver 510 02:b1:f0:00:00:01",
    ];
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for text in expected {
        assert!(texts.iter().any(|found| found.starts_with(text)), "{text} in {texts:#?}");
    }
}

#[test]
fn what_must_be_known_of_calls_follows_from_the_policy() {
    let methods =
        [("a", ""), ("b", "recover"), ("c", "fate_share"), ("d", "tainted"), ("e", "oneway tainted"), ("f", "oneway")];
    let tracked = |rack: &str| -> Vec<u8> {
        let found = entries(&format!("{rack}{}", node("s1", 2, "serves = [\"S\"]")), &[manifest("S", &methods)]);
        let tracking = |row: &crate::rules::Row| match row.action {
            Action::Serve { tracking, .. } => Some(tracking),
            _ => None,
        };
        found.rows.values().filter_map(tracking).collect()
    };
    assert_eq!(tracked(""), [0, 0x0a, 0x0a, 0x0a, 0x02, 0]);
    assert_eq!(tracked("mirror = true\n"), [0x05, 0x0a, 0x0a, 0x0a, 0x02, 0x01]);
    assert_eq!(tracked("mirror = true\n[[service]]\nname = \"S\"\nmirror = false\n"), [0, 0x0a, 0x0a, 0x0a, 0x02, 0]);
    let unknown = manifest("S", &[("a", "pray")]);
    refused(&node("s1", 2, "serves = [\"S\"]"), &[unknown], &["`pray` is no policy", "m0.json:3"]);
}

#[test]
fn a_service_that_nobody_serves_is_refused_unless_it_may_come_later() {
    refused("", &[ping()], &["nobody serves `Ping`", "m0.json:2", "later = true"]);
    assert!(entries("[[service]]\nname = \"Ping\"\nlater = true\n", &[ping()]).rows.len() > 1);
}

#[test]
fn unknown_services_are_refused() {
    refused(&node("s1", 2, "serves = [\"Pong\"]"), &[], &["no manifest has a service `Pong`", "rack.toml:8:11"]);
    refused("[[service]]\nname = \"Pong\"\n", &[], &["no manifest has a service `Pong`", "rack.toml:4:8"]);
}

#[test]
fn a_service_is_served_once_by_each_node_and_at_its_own_address() {
    let serves = |list: &str, more: &str| node("s1", 2, &format!("serves = {list}\n{more}"));
    let both = [ping(), manifest("Echo", &[("echo", "")])];
    refused(&serves("[\"Ping\", \"Ping\"]", ""), &both[..1], &["the node already serves `Ping`"]);
    refused(
        &serves("[\"Ping\", \"Echo\"]", "owns_service_addresses = false"),
        &both,
        &["serves `Ping` at fd00:b1f0:0:1::2 already", "rack.toml:8:19"],
    );
    refused(
        &serves("[{ service = \"Ping\", at = \"fd00::9\" }]", ""),
        &both[..1],
        &["fd00::9 is not an address of the node"],
    );
}

#[test]
fn names_addresses_and_numbers_are_used_once() {
    let again = |one: String, other: String, text: &[&str]| refused(&format!("{one}{other}"), &[], text);
    again(
        node("a", 1, ""),
        node("a", 2, ""),
        &["the name is already that of node `a` (rack.toml:4)", "rack.toml:10:8"],
    );
    again(
        node("a", 1, ""),
        node("b", 2, "").replace("00:02\"", "00:01\""),
        &["the MAC address 02:00:00:00:00:01 is already that of node `a`", "rack.toml:12"],
    );
    again(
        node("a", 1, ""),
        node("b", 2, "").replace("::2\"", "::1\""),
        &["the address fd00:b1f0:0:1::1 is already that of node `a`", "rack.toml:13"],
    );
    again(memory(1, 1), memory(1, 2), &["the memory server 1 is already that of memory server 1"]);
    again(
        memory(1, 1),
        node("b", 2, "").replace("00:00:02\"", "00:01:01\""),
        &["is already that of", "02:00:00:00:01:01"],
    );
    refused(&node("a", 1, "").replace("::1\"]", "::1\", \"fd00:b1f0:0:1::1\"]"), &[], &["is already that of node `a`"]);
    let switch = node("a", 1, "").replace("02:00:00:00:00:01", "02:b1:f0:00:00:01");
    refused(&switch, &[], &["is already that of the switch"]);
    let route = "[[route]]\nto = \"10.0.0.0/8\"\nport = 1\nmac = \"02:00:00:00:09:01\"\n";
    again(route.to_owned(), route.to_owned(), &["already that of the route to 10.0.0.0/8"]);
}

#[test]
fn an_address_of_a_service_is_nobody_elses() {
    let address = service_address("fd00:b1f0:0:1::".parse().unwrap(), "Ping").to_string();
    let rack = node("s1", 2, "serves = [\"Ping\"]").replace("fd00:b1f0:0:1::2", &address);
    refused(&rack, &[ping()], &["is already that of service `Ping`"]);
}

#[test]
fn addresses_that_cannot_be_a_nodes_are_refused() {
    for (address, why) in [
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("ff02::1", "group"),
        ("fe80::1", "link-local"),
        ("0:0:fd01::9", "memory"),
    ] {
        refused(&node("a", 1, "").replace("fd00:b1f0:0:1::1", address), &[], &[why, "rack.toml:7"]);
    }
    refused(&node("a", 1, "").replace("\"fd00:b1f0:0:1::1\"", ""), &[], &["the node has no address"]);
    refused(&node("a b", 1, ""), &[], &["a name is"]);
    refused(&node("a", 1, "").replace("02:00:00:00:00:01", "03:00:00:00:00:01"), &[], &["cannot be a machine's MAC"]);
}

#[test]
fn ports_beyond_the_machines_are_refused() {
    for port in [510, 511, 512, 60_000] {
        let text = format!("{port} is no port of machines");
        refused(&node("a", 1, "").replace("port = 1", &format!("port = {port}")), &[], &[&text, "rack.toml:5:8"]);
        refused(&memory(1, 1).replace("port = 1", &format!("port = {port}")), &[], &[&text]);
        refused(&format!("[[port]]\nnumber = {port}\nattach = \"in-process\"\n"), &[], &[&text]);
        refused(&format!("flood = [{port}]\n"), &[], &[&text]);
        refused(&format!("[[host]]\nmac = \"02:00:00:00:09:01\"\nport = {port}\n"), &[], &[&text]);
        refused(&format!("[[route]]\nto = \"::/0\"\nmac = \"02:00:00:00:09:01\"\nport = {port}\n"), &[], &[&text]);
    }
    assert!(entries(&node("a", 1, "").replace("port = 1", "port = 509"), &[]).flood.contains(&509));
}

#[test]
fn attachments_make_sense() {
    let port = |number: u16, attach: &str| format!("[[port]]\nnumber = {number}\nattach = {attach}\n");
    let twice = format!("{}{}", port(1, "\"in-process\""), port(1, "\"in-process\""));
    refused(&twice, &[], &["port 1 is described twice", "rack.toml:7"]);
    let devices = format!("{}{}", port(1, "{ device = \"e0\" }"), port(2, "{ device = \"e0\" }"));
    refused(&devices, &[], &["the device `e0` is at two ports", "rack.toml:8"]);
    refused(&port(1, "{ tunnel = {} }"), &[], &["no address for tunnels"]);
    assert!(
        compile_with(&format!("tunnel = \"[::1]:7401\"\n{}", port(1, "{ tunnel = {} }")), &[], &Sizes::default())
            .is_ok()
    );
}

#[test]
fn the_racks_prefix_is_one_of_services() {
    for (prefix, why) in [
        ("fd00::/48", "64 bits"),
        ("10.0.0.0/8", "64 bits"),
        ("ff02::/64", "no prefix of machines"),
        ("0:0:fd00::/64", "that of the memory"),
    ] {
        let rack = Source::new("rack.toml", format!("[rack]\nprefix = \"{prefix}\"\n"));
        let faults = compile(&rack, &[], &Sizes::default()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].message().contains(why), "{prefix}: {faults:?}");
    }
}

#[test]
fn a_table_that_is_too_small_is_refused() {
    let rack = format!("{}{}", node("a", 1, ""), node("b", 2, ""));
    let sizes = Sizes::default().with(Table::Node, 1);
    let text = compile_with(&rack, &[], &sizes).unwrap_err();
    assert!(text.contains("`node` has 2 entries, and room for 1"), "{text}");
    assert!(compile_with(&rack, &[], &sizes.with(Table::Node, 2)).is_ok());
}

#[test]
fn methods_that_a_switch_cannot_tell_apart_are_refused() {
    // Two services have one method if a manifest has the service's name twice.
    let service = ping().split("[\n").skip(1).collect::<Vec<_>>().join("[\n");
    let service = service.rsplit_once("\n]}\n]}").unwrap().0.to_owned();
    let twice = manifest("Ping", &[("ping", ""), ("ping", "")]);
    assert!(service.contains("Ping"));
    refused(
        &node("s1", 2, "serves = [\"Ping\"]"),
        &[twice],
        &["`Ping:ping` and `Ping:ping` have the same method field", "m0.json:4"],
    );
    // `A.b:c`, if it were a name, would be the field of service `A.b` as well as of a method `c` of it; a name cannot hold a colon.
    let colon = ping().replace("\"name\": \"Ping\"", "\"name\": \"Ping:x\"");
    refused(&node("s1", 2, ""), &[colon], &["the name of a service"]);
}

#[test]
fn manifests_that_disagree_are_refused() {
    let rack = node("s1", 2, "serves = [\"Ping\"]");
    assert_eq!(entries(&rack, &[ping(), ping()]), entries(&rack, &[ping()]));
    let moved = ping().replace("\"line\": 7", "\"line\": 8");
    assert_eq!(entries(&rack, &[ping(), moved]), entries(&rack, &[ping()]));
    for other in [
        manifest("Ping", &[("ping", "recover")]),
        manifest("Ping", &[("ping", ""), ("pong", "")]),
        manifest("Ping", &[]),
    ] {
        refused(&rack, &[ping(), other], &["two manifests disagree on the method", "m1.json", "is at m0.json:2"]);
    }
}

#[test]
fn what_is_no_manifest_is_refused() {
    for (text, why) in [
        ("{", "not a rule manifest: EOF"),
        ("{\"format\": \"x\", \"version\": 1, \"services\": []}", "format `x`"),
        ("{\"format\": \"bifrost-manifest\", \"version\": 2, \"services\": []}", "version 2"),
        ("{\"format\": \"bifrost-manifest\", \"version\": 1}", "missing field `services`"),
        ("{\"format\": \"bifrost-manifest\", \"version\": 1,\n\"services\": [{\"name\": 3}]}", "m0.json:2:23"),
    ] {
        refused("", &[text.to_owned()], &[why]);
    }
    let lie = ping().replace("50696e67", "60696e67");
    refused(
        "[[service]]\nname = \"Ping\"\nlater = true\n",
        &[lie],
        &["the field of `Ping:ping` does not belong to its name"],
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused("", &[deep], &["not a rule manifest"]);
}

#[test]
fn numbers_of_services_can_be_pinned() {
    let two = [ping(), manifest("Echo", &[("echo", "")])];
    let rack = node("s1", 2, "serves = [\"Ping\", \"Echo\"]");
    let pin = |name: &str, number: u16| format!("[[service]]\nname = \"{name}\"\nnumber = {number}\n");
    let found = entries(&format!("{rack}{}", pin("Ping", 7)), &two);
    assert!(found.rows.values().any(|row| row.action == Action::Serve { service: 7, tracking: 0 }));
    let twice = format!("{rack}{}{}", pin("Ping", 7), pin("Echo", 7));
    refused(&twice, &two, &["the number 7 is pinned to two services", "rack.toml"]);
    let same = format!("{rack}{}{}", pin("Ping", 7), pin("Ping", 7));
    refused(&same, &two, &["the service `Ping` is described twice"]);
}

#[test]
fn a_rack_without_one_service_numbers_the_others_alike() {
    let all = [ping(), manifest("Echo", &[("echo", "")])];
    let of = |manifests: &[String]| {
        let found = entries("[[service]]\nname = \"Ping\"\nlater = true\n", manifests);
        found.rows.into_iter().filter(|(_, row)| row.origin.what == "method Ping:ping").collect::<Vec<_>>()
    };
    let later = "[[service]]\nname = \"Ping\"\nlater = true\n[[service]]\nname = \"Echo\"\nlater = true\n";
    let both = entries(later, &all);
    let alone = of(&all[..1]);
    assert_eq!(alone.len(), 1);
    assert_eq!(both.rows[&alone[0].0].action, alone[0].1.action);
}

#[test]
fn all_faults_come_at_once() {
    let rack =
        format!("{}{}", node("a", 1, ""), node("a", 60, "serves = [\"Nothing\"]")).replace("port = 60", "port = 600");
    let text = faults(&rack, &[ping(), "x".to_owned()]);
    assert_eq!(text.matches("error: ").count(), 5, "{text}");
}
