use super::*;

const EXAMPLE: &str = include_str!("../../../racks/example.toml");

fn parse(text: &str) -> Result<Rack, Fault> {
    Rack::parse(&Source::new("rack.toml", text))
}

fn fault(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_example_is_read() {
    let rack = parse(EXAMPLE).unwrap();
    assert_eq!(rack.fabric.prefix.get_ref().to_string(), "fd00:b1f0:0:1::/64");
    assert_eq!(rack.fabric.memory_prefix, 0xfd);
    let names: Vec<&str> = rack.nodes.iter().map(|node| node.name.get_ref().as_str()).collect();
    assert_eq!(names, ["c1", "s1", "s2"]);
    assert_eq!(rack.nodes[1].serves[0].get_ref().service(), "Ping");
    assert_eq!(rack.memory.len(), 2);
    assert_eq!(rack.attachment(1), Some(&Attach::Tunnel(Tunnel { key: Some("keys/c1.key".into()) })));
    assert_eq!(rack.attachment(6), Some(&Attach::Device("veth-uplink".into())));
    assert_eq!(rack.attachment(5), Some(&Attach::InProcess));
    assert_eq!(rack.attachment(9), None);
}

#[test]
fn a_value_of_the_wrong_form_is_shown_with_its_line() {
    let with = |line: &str| fault(&format!("[rack]\nprefix = \"fd00::/64\"\n{line}\n"));
    assert!(fault("[rack]\nprefix = \"fd00::\"\n").contains("not a prefix"));
    assert!(with("mac = \"02:b1\"").contains("not a MAC address"), "{}", with("mac = \"02:b1\""));
    assert!(with("mac = \"02:b1\"").contains("--> rack.toml:3:7"));
    assert!(with("[[port]]\nnumber = 70000\nattach = \"in-process\"").contains("--> rack.toml:4:10"));
    assert!(with("[[port]]\nnumber = 7\nattach = \"rope\"").contains("unknown variant `rope`"));
    assert!(with("[[memory]]\nid = 300\nport = 1\nmac = \"02:00:00:00:00:01\"").contains("--> rack.toml:4:6"));
}

#[test]
fn an_unknown_key_is_refused() {
    let text = fault("[rack]\nprefix = \"fd00::/64\"\nmtu = 9000\n");
    assert!(text.contains("unknown field `mtu`") && text.contains("rack.toml:3:1"), "{text}");
    assert!(fault("[rak]\n").contains("unknown field `rak`"));
    assert!(fault("").contains("missing field `rack`"));
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let text = " ".repeat(FILE_BYTES_MAX + 1);
    assert!(fault(&text).contains("larger than 16 MiB"));
}
