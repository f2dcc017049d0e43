//! The driver alone: a script takes the state machine's place.

use crate::WAIT;
use crate::rack::{Memory, control_port, memory, memory_mac, place, rules, switch, tables};
use crate::script::{Heard, Script};
use bifrost_rpc::Key;
use bifrost_rpc::wire::Pointer;
use bifrost_switch::daemon::Switch;
use bifrost_switch::gatekeeper::{Answered, Holder, MemoryMessage, Output, Reason, Record, Way};
use bifrost_switch::gatekeeper_driver::{Driver, Log, Parts};
use bifrost_switch::rules::topology::MemoryServer;
use bifrost_switch::rules::{Decision, Scope, rack::Mac};
use bifrost_switch::runtime::{Client, RuntimeServer, SwitchControl};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const HOLDER: Holder = Holder { node: std::net::Ipv6Addr::LOCALHOST, incarnation: 1 };

struct Rig {
    switch: Switch,
    driver: Driver<Script>,
    heard: Receiver<Heard>,
}

impl Rig {
    fn start(key: Option<&Key>, log: Log) -> Self {
        let switch = switch();
        let tables = tables(&switch);
        Self::with(key, log, switch, tables)
    }

    fn with(key: Option<&Key>, log: Log, switch: Switch, tables: Arc<dyn SwitchControl>) -> Self {
        let (script, heard) = Script::new(rules());
        let parts = Parts { port: control_port(&switch), switch: tables, log, place: place(key) };
        let driver = Driver::start(parts, |_| script).unwrap();
        let rig = Self { switch, driver, heard };
        rig.say([Output::Reconcile { batch: 1, scope: Scope::All }]);
        assert_eq!(rig.hear(), Heard::Changed(1, true));
        rig
    }

    fn say(&self, outputs: impl IntoIterator<Item = Output>) {
        let outputs: Vec<Output> = outputs.into_iter().collect();
        self.driver.asker().ask(move |script, _, _| script.outputs.extend(outputs)).unwrap();
    }

    fn hear(&self) -> Heard {
        self.heard.recv_timeout(WAIT).unwrap()
    }

    fn server_is_there(&self, server: u8) {
        self.say([Output::Server { server, at: Some((3 + u16::from(server), memory_mac(server))) }]);
    }
}

fn tell(server: u8, sequence: u64, message: MemoryMessage) -> Output {
    Output::Memory { server, term: 7, sequence, message }
}

fn object(memory: &Memory, server: u8) -> Pointer {
    let counter = memory.daemon.memory().metrics().objects + 1;
    Pointer::new(0xfd, server, u64::from(3u32) << 32 | counter)
}

/// The client's node is no part of this: objects are made by a server that is open to all.
fn ends(incarnations: std::ops::RangeInclusive<u64>, server: u8) -> impl Iterator<Item = Output> {
    let holder = |incarnation| Holder { incarnation, ..HOLDER };
    incarnations.map(move |number| tell(server, number, MemoryMessage::Cleanup(holder(u32::try_from(number).unwrap()))))
}

fn messages_are_applied_in_order(key: Option<&Key>) {
    let rig = Rig::start(key, Log::in_memory());
    let servers = [memory(&rig.switch, 1, 3, key), memory(&rig.switch, 2, 3, key)];
    for server in [1, 2] {
        rig.server_is_there(server);
        rig.say(ends(1..=300, server));
    }
    let mut next = [1, 1];
    while next != [301, 301] {
        let Heard::Memory(server, sequence, answered) = rig.hear() else { panic!("something else was heard") };
        let next = &mut next[usize::from(server) - 1];
        assert_eq!((sequence, answered), (*next, Answered::Applied(1)), "of server {server}");
        *next += 1;
    }
    let last = |memory: &Memory| memory.daemon.memory().with(|memory| memory.last_control().sequence);
    assert_eq!(servers.each_ref().map(last), [300, 300]);
}

#[test]
fn messages_to_each_server_are_applied_in_order() {
    messages_are_applied_in_order(None);
}

#[test]
fn messages_are_sealed_where_the_rack_has_a_key() {
    messages_are_applied_in_order(Some(&Key::from_bytes([9; 32])));
}

#[test]
fn what_a_server_refuses_is_told_with_its_code() {
    let rig = Rig::start(None, Log::in_memory());
    let server = memory(&rig.switch, 1, 3, None);
    rig.server_is_there(1);
    rig.say([tell(1, 1, MemoryMessage::Grant { object: object(&server, 1), to: HOLDER })]);
    assert_eq!(rig.hear(), Heard::Memory(1, 1, Answered::Refused(2)), "no such object");
    rig.say([Output::Memory { server: 1, term: 6, sequence: 2, message: MemoryMessage::Release((1, 1)) }]);
    assert_eq!(rig.hear(), Heard::Memory(1, 2, Answered::OldTerm));
}

#[test]
fn what_makes_no_sense_to_a_server_is_refused_and_holds_nobody_up() {
    let rig = Rig::start(None, Log::in_memory());
    let server = memory(&rig.switch, 1, 3, None);
    rig.server_is_there(1);
    let of_another = MemoryMessage::Grant { object: object(&server, 2), to: HOLDER };
    rig.say([tell(1, 1, of_another.clone()), tell(1, 2, MemoryMessage::Cleanup(HOLDER)), tell(1, 3, of_another)]);
    let heard: Vec<Heard> = (0..3).map(|_| rig.hear()).collect();
    let expected = [Answered::Refused(0), Answered::Applied(1), Answered::Refused(0)];
    let numbered = (1..).zip(expected).map(|(number, answered)| Heard::Memory(1, number, answered));
    assert_eq!(heard, numbered.collect::<Vec<_>>());
    assert_eq!(rig.driver.asker().ask(|_, _, counts| counts.senseless).unwrap(), 2);
}

#[test]
fn who_waits_for_something_is_told_whether_it_came_true() {
    let rig = Rig::start(None, Log::in_memory());
    let asker = rig.driver.asker();
    assert_eq!(asker.wait_until(Duration::from_millis(50), |_| false), Some(false));
    let told = std::thread::spawn({
        let asker = asker.clone();
        move || asker.wait_until(WAIT, |script| script.asked > 0)
    });
    asker.ask(|script, _, _| script.asked += 1).unwrap();
    assert_eq!(told.join().unwrap(), Some(true));
    drop(rig);
    assert_eq!(asker.wait_until(WAIT, |_| true), None);
}

#[test]
fn messages_to_a_server_that_is_not_there_yet_are_sent_until_it_is() {
    let rig = Rig::start(None, Log::in_memory());
    rig.server_is_there(1);
    rig.say(ends(1..=3, 1));
    let _server = memory(&rig.switch, 1, 3, None);
    let heard: Vec<Heard> = (0..3).map(|_| rig.hear()).collect();
    assert_eq!(heard, [1, 2, 3].map(|number| Heard::Memory(1, number, Answered::Applied(1))));
}

#[test]
fn messages_to_a_server_that_has_gone_are_given_up() {
    let rig = Rig::start(None, Log::in_memory());
    rig.server_is_there(1);
    rig.say(ends(1..=3, 1));
    rig.say([Output::Server { server: 1, at: None }]);
    let server = memory(&rig.switch, 1, 3, None);
    rig.server_is_there(1);
    rig.say([tell(1, 1, MemoryMessage::Release((1, 1)))]);
    // The server may answer what the session that was given up had sent: nobody's packet by now.
    let heard = std::iter::repeat_with(|| rig.hear()).find(|heard| !matches!(heard, Heard::Packet(..)));
    assert_eq!(heard, Some(Heard::Memory(1, 1, Answered::Applied(0))));
    assert!(server.daemon.memory().with(|memory| memory.ended()).is_empty());
}

#[test]
fn a_servers_table_is_read_in_pages() {
    let rig = Rig::start(None, Log::in_memory());
    let server = memory(&rig.switch, 1, 3, None);
    rig.server_is_there(1);
    rig.say(ends(5..=5, 1).map(|output| match output {
        Output::Memory { server, term, message, .. } => Output::Memory { server, term, sequence: 1, message },
        other => other,
    }));
    assert_eq!(rig.hear(), Heard::Memory(1, 1, Answered::Applied(1)));
    rig.say([Output::ReadTable { server: 1 }]);
    let Heard::Table(1, page) = rig.hear() else { panic!("no table") };
    assert_eq!((page.boot, page.more, page.ended), (3, false, vec![(HOLDER.node, 5)]));
    assert!(page.objects.is_empty() && server.daemon.memory().metrics().controls == 1);
}

#[test]
fn what_is_decided_is_in_the_tables() {
    let rig = Rig::start(None, Log::in_memory());
    let tables = tables(&rig.switch);
    let mut rules = rules();
    let changes = rules.decide(Decision::MemoryDies(1)).unwrap();
    let nothing = rules.decide(Decision::MemoryJoins(server_three())).unwrap();
    rig.say([Output::Change { batch: 2, changes }, Output::Change { batch: 3, changes: nothing }]);
    assert_eq!((rig.hear(), rig.hear()), (Heard::Changed(2, true), Heard::Changed(3, true)));
    assert_eq!(tables.entry_count("blocked_source").unwrap(), 1);
    assert_eq!(tables.entry_count("memory_server").unwrap(), 2);
}

fn server_three() -> MemoryServer {
    MemoryServer { id: 3, port: 6, mac: Mac(memory_mac(3)) }
}

#[test]
fn a_batch_that_the_switch_refuses_does_not_take_others_along() {
    let rig = Rig::start(None, Log::in_memory());
    let joins = rules().decide(Decision::MemoryJoins(server_three())).unwrap();
    let gone = rules().decide(Decision::MemoryLeaves(2)).unwrap();
    // The second time the entries are there already.
    let batch = |batch, changes: &Vec<_>| Output::Change { batch, changes: changes.clone() };
    rig.say([batch(2, &joins), batch(3, &joins), batch(4, &gone)]);
    let heard: Vec<Heard> = (0..3).map(|_| rig.hear()).collect();
    assert_eq!(heard, [Heard::Changed(2, true), Heard::Changed(3, false), Heard::Changed(4, true)]);
}

#[test]
fn a_switch_that_loses_its_tables_is_noticed_and_repaired() {
    let rig = Rig::start(None, Log::in_memory());
    let tables = tables(&rig.switch);
    let before = tables.entry_count("port_security").unwrap();
    tables.reset().unwrap();
    assert_eq!(rig.hear(), Heard::SwitchRestarted);
    rig.say([Output::Reconcile { batch: 2, scope: Scope::All }]);
    while rig.hear() != Heard::Changed(2, true) {}
    assert_eq!(tables.entry_count("port_security").unwrap(), before);
}

#[test]
fn frames_leave_by_a_port_and_packets_come_in_with_their_reason() {
    let rig = Rig::start(None, Log::in_memory());
    let host = rig.switch.local(8).unwrap();
    rig.say([Output::Send { way: Way::Port(8), frame: vec![7; 60] }]);
    assert_eq!(host.receive(WAIT), Some(vec![7; 60]));
    // To the control plane's own address, from no memory server.
    let frame = crate::rack::frame_to_control_plane();
    host.send(&frame);
    let Heard::Packet(Reason::Delivered, 8, seen) = rig.hear() else { panic!("not delivered") };
    assert_eq!(seen[22..], frame[22..], "all but MAC addresses and hop limit");
}

#[test]
fn records_are_logged_and_a_snapshot_takes_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let rig = Rig::start(None, Log::open(directory.path()).unwrap());
    rig.driver.asker().ask(|script, _, _| script.snapshot = vec![Record::Term(9)]).unwrap();
    rig.say((1..=2_000).map(|number| Output::Log { number, record: Record::Term(number) }));
    while rig.hear() != Heard::Logged(2_000) {}
    rig.driver.asker().ask(|_, _, counts| assert_eq!(counts.records, 2_000)).unwrap();
    // The snapshot is asked for behind what was logged.
    while rig.driver.asker().ask(|_, _, counts| counts.snapshots).unwrap() == 0 {}
    rig.driver.shutdown();
    assert_eq!(Log::open(directory.path()).unwrap().take_records(), [Record::Term(9)]);
}

#[test]
fn a_control_plane_that_is_deposed_does_nothing_more() {
    let rig = Rig::start(None, Log::in_memory());
    rig.say([Output::Deposed]);
    while rig.driver.is_running() {
        std::thread::yield_now();
    }
    assert_eq!(rig.driver.asker().ask(|_, _, _| ()), None);
}

#[test]
fn a_switch_that_takes_its_time_holds_up_nobody_and_does_all_in_order() {
    let switch = switch();
    let served = RuntimeServer::start(&tables(&switch), "tcp://127.0.0.1:0?transport=buffered", false).unwrap();
    let tables = Arc::new(Client::connect(&served.url()).unwrap());
    let rig = Rig::with(None, Log::in_memory(), switch, tables.clone());
    // Whoever has the engine keeps all others from the tables.
    let engine = rig.switch.engine().unwrap().clone();
    let ((go, gone), (tell, told)) = (channel::<()>(), channel());
    let holds = std::thread::spawn(move || {
        engine.with(|_| {
            tell.send(()).unwrap();
            let _ = gone.recv_timeout(WAIT);
        });
    });
    told.recv().unwrap();
    let mut rules = rules();
    for batch in 2..=9 {
        let joins_or_leaves = [Decision::MemoryJoins(server_three()), Decision::MemoryLeaves(3)];
        let changes = rules.decide(joins_or_leaves[usize::from(batch % 2 == 1)].clone()).unwrap();
        rig.say([Output::Change { batch, changes }]);
    }
    rig.say([Output::Reconcile { batch: 10, scope: Scope::All }]);
    // Each of them was asked after the one before had to be carried out.
    assert!(rig.heard.try_recv().is_err(), "the switch has not done anything yet");
    go.send(()).unwrap();
    holds.join().unwrap();
    for batch in 2..=10 {
        assert_eq!(rig.hear(), Heard::Changed(batch, true));
    }
    let count = tables.entry_count("memory_server").unwrap();
    assert_eq!(count, 2, "the last word was that of the description");
}
