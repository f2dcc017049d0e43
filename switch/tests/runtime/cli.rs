//! BMv2's command line and this switch.

use crate::support::{CONTROL, runtime, served};
use std::io::Write;
use std::process::{Command, Stdio};

/// The command line's program in PATH.
const PROGRAM: &str = "simple_switch_CLI";
/// A folder with `sswitch_CLI.py` and BMv2's Python bindings, where the program is not installed.
const FOLDER: &str = "BMV2_PYTHON";
/// The Python that has Thrift.
const PYTHON: &str = "PYTHON";

/// Each command, and what has to be in what is printed for it.
const COMMANDS: &[(&str, &str)] = &[
    ("show_tables", "Handle.routes"),
    ("switch_info", "thrift_port"),
    ("show_ports", "iface name"),
    ("table_info Handle.routes", "Handle.route"),
    ("table_add Handle.routes Handle.route 10.1.0.0/16 => 3", "added with handle 0"),
    ("table_add Handle.routes Handle.route 10.1.0.0/16 => 3", "DUPLICATE_ENTRY"),
    ("table_num_entries Handle.routes", "1"),
    ("table_dump Handle.routes", "0a010000/16"),
    ("table_dump_entry Handle.routes 0", "Handle.route - 0003"),
    ("table_dump_entry_from_key Handle.routes 10.1.0.0/16", "Dumping entry 0x0"),
    ("table_modify Handle.routes Handle.route 0 4", "Modifying entry 0"),
    ("table_dump_entry Handle.routes 0", "Handle.route - 0004"),
    ("table_set_timeout Handle.routes 0 1000", "imeout"),
    ("counter_write Handle.routed 0 5 600", ""),
    ("counter_read Handle.routed 0", "600 bytes, 5 packets"),
    ("counter_reset Handle.routed", ""),
    ("counter_read Handle.routed 0", "0 bytes, 0 packets"),
    ("meter_set_rates Handle.route_rates 0 0.5:100 1.5:200", ""),
    ("meter_get_rates Handle.route_rates 0", "1: info rate = 1.5, burst size = 200"),
    ("table_delete Handle.routes 0", "Deleting entry 0"),
    ("table_delete Handle.routes 0", "INVALID_HANDLE"),
    ("table_set_default Handle.routes Handle.route 9", "Handle.route"),
    ("table_reset_default Handle.routes", ""),
    ("table_add Handle.access Handle.drop 10.0.0.0&&&255.0.0.0 0.0.0.0&&&0.0.0.0 => 7", "added with handle"),
    ("table_dump Handle.access", "Priority: 7"),
    ("table_clear Handle.access", ""),
    ("table_add Handle.hops Handle.drop 1->9 1 => 2", "added with handle"),
    ("table_dump Handle.hops", "01 -> 09"),
    ("act_prof_create_member Handle.paths Handle.forward 3 02:00:00:00:00:03", "created with handle 0"),
    ("act_prof_modify_member Handle.paths Handle.forward 0 4 02:00:00:00:00:04", ""),
    ("act_prof_create_group Handle.paths", "created with handle 0"),
    ("act_prof_add_member_to_group Handle.paths 0 0", ""),
    ("table_indirect_add_with_group Handle.next 02:00:00:00:00:01 => 0", "added with handle 0"),
    ("table_indirect_add Handle.next 02:00:00:00:00:02 => 0", "added with handle 1"),
    ("table_indirect_set_default Handle.next 0", ""),
    ("table_indirect_set_default_with_group Handle.next 0", ""),
    ("table_dump Handle.next", "Index: group(0)"),
    ("act_prof_dump Handle.paths", "Dumping group 0"),
    ("act_prof_dump_member Handle.paths 0", "Dumping member 0"),
    ("act_prof_dump_group Handle.paths 0", "Members: [0]"),
    ("act_prof_delete_member Handle.paths 0", "MBR_STILL_USED"),
    ("table_indirect_delete Handle.next 1", "Deleting entry 1"),
    ("table_indirect_reset_default Handle.next", ""),
    ("table_clear Handle.next", ""),
    ("act_prof_remove_member_from_group Handle.paths 0 0", ""),
    ("act_prof_delete_group Handle.paths 0", ""),
    ("act_prof_delete_member Handle.paths 0", ""),
    ("counter_write Handle.marks 2 5 600", ""),
    ("counter_read Handle.marks 2", "600 bytes, 5 packets"),
    ("counter_reset Handle.marks", ""),
    ("meter_array_set_rates Handle.rates 0.01:10 0.02:20", ""),
    ("meter_set_rates Handle.rates 1 0.03:10 0.04:20", ""),
    ("meter_get_rates Handle.rates 1", "0: info rate = 0.03, burst size = 10"),
    ("meter_set_rates Handle.rates 1 0.05:10 0.04:20", "INVALID_INFO_RATE_VALUE"),
    ("register_write Handle.seen 2 7", ""),
    ("register_read Handle.seen 2", "Handle.seen[2]= 7"),
    ("register_read Handle.seen", "0, 0, 7, 0"),
    ("register_reset Handle.seen", ""),
    ("mc_mgrp_create 1", "Creating multicast group 1"),
    ("mc_node_create 6 1 2 3 | 4", "created with handle 0"),
    ("mc_node_associate 1 0", "Associating node 0"),
    ("mc_node_update 0 1 2", "Updating node 0"),
    ("mc_set_lag_membership 4 1 2", "Setting lag membership"),
    ("mc_dump", "ports=[1, 2]"),
    ("mc_node_dissociate 1 0", "Dissociating node 0"),
    ("mc_node_destroy 0", "Destroying node 0"),
    ("mc_mgrp_destroy 1", "Destroying multicast group 1"),
    ("mirroring_add 1 510", ""),
    ("mirroring_get 1", "port=510"),
    ("mirroring_add_mc 2 7", ""),
    ("mirroring_delete 1", ""),
    ("mirroring_delete 1", "SESSION_NOT_FOUND"),
    ("set_crc16_parameters calc 0x1021 0xffff 0x0000 false false", ""),
    ("show_pvs", "Read.kinds"),
    ("pvs_add Read.kinds 0x88b5", ""),
    ("pvs_get Read.kinds", "88b5"),
    ("pvs_remove Read.kinds 0x88b5", ""),
    ("pvs_clear Read.kinds", ""),
    ("set_queue_depth 100", ""),
    ("set_queue_depth 100 1", ""),
    ("set_queue_depth 100 1 0", ""),
    ("set_queue_rate 100", ""),
    ("get_time_elapsed", ""),
    ("get_time_since_epoch", ""),
    ("port_add veth9 9", "Invalid"),
    ("port_remove 9", "Invalid"),
    ("write_config_to_file FOLDER/config.json", ""),
    ("serialize_state FOLDER/state.json", ""),
    ("swap_configs", "NO_ONGOING_SWAP"),
    ("load_new_config_file FOLDER/config.json", ""),
    ("load_new_config_file FOLDER/config.json", "ONGOING_SWAP"),
    ("swap_configs", ""),
    ("reset_state", ""),
    ("table_num_entries Handle.hops", "0"),
];

/// What is printed in front of each command's output.
const PROMPT: &str = "RuntimeCmd: ";

fn command() -> Option<Command> {
    if Command::new(PROGRAM).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok() {
        return Some(Command::new(PROGRAM));
    }
    let folder = std::env::var_os(FOLDER)?;
    let mut command = Command::new(std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into()));
    command.arg(std::path::Path::new(&folder).join("sswitch_CLI.py")).env("PYTHONPATH", folder);
    Some(command)
}

#[test]
fn every_command_of_simple_switchs_command_line_is_answered() {
    let Some(mut command) = command() else {
        eprintln!("SKIPPED: there is neither {PROGRAM} in PATH nor {FOLDER}, so BMv2's command line was not tried");
        return;
    };
    let runtime = runtime();
    let server = served(&runtime);
    let port = server.url().split(['?', ':']).nth(2).unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    command.args(["--thrift-port", &port]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for (command, _) in COMMANDS {
        writeln!(input, "{}", command.replace("FOLDER", &path)).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let answers: Vec<&str> = text.split(PROMPT).skip(1).collect();
    // The end of the input is a command, too.
    assert_eq!(answers.len(), COMMANDS.len() + 1, "{text}");
    let is_wrong = |expected: &str, answer: &str| {
        !answer.contains(expected) || (expected.is_empty() && answer.contains("Invalid"))
    };
    let wrong: Vec<_> =
        COMMANDS.iter().zip(answers).filter(|((_, expected), answer)| is_wrong(expected, answer)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("config.json")).unwrap(), CONTROL);
    assert!(std::fs::read_to_string(folder.path().join("state.json")).unwrap().contains("Handle.hops"));
}
