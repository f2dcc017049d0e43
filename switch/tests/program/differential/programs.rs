//! The rack's program and small ones for the rest of the language, each with entries and frames.

use bifrost_switch::engine::MatchParam;

use super::super::frame::{IPV4, ethernet, ipv4, udp};
use super::super::rack;
use super::super::setup::{Group, Profile, Setup, Target, exact, lpm};
use super::super::traffic::Traffic;

/// A program to be run by both.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) json: &'static str,
    pub(super) setup: Setup,
    pub(super) frame: fn(&mut Traffic) -> (u32, Vec<u8>),
}

impl Case {
    /// The SHA-256 of the source that the program was stamped with.
    pub(super) fn source(&self) -> String {
        let program: serde_json::Value = serde_json::from_str(self.json).unwrap();
        program["__meta__"]["source_sha256"].as_str().unwrap().to_owned()
    }
}

macro_rules! small {
    ($name:literal, $setup:expr, $frame:expr) => {
        Case {
            name: $name,
            json: include_str!(concat!("../../programs/", $name, ".json")),
            setup: $setup,
            frame: $frame,
        }
    };
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case { name: "bifrost", json: bifrost_switch::PROGRAM, setup: rack::setup(), frame: Traffic::frame },
        small!("forward", forward(), Traffic::routed),
        small!("acl", acl(), Traffic::routed),
        small!("ecmp", ecmp(), Traffic::routed),
        small!("state", Setup::default(), Traffic::anything),
        small!("copies", copies(), Traffic::wish),
        small!("stacks", stacks(), Traffic::labelled),
        small!("routes", Setup::default(), Traffic::guided),
        small!("arithmetic", Setup::default(), Traffic::numbers),
        small!("options", Setup::default(), Traffic::optional),
    ]
}

fn forward() -> Setup {
    let mut setup = Setup::default();
    for (bits, port) in [(0, 1), (8, 2), (24, 3), (31, 4), (32, 5)] {
        setup.add("I.route", &[lpm(&[10, 0, 0, 2], bits)], "I.forward", &[&[2, 0, 0, 0, 0, port], &[0, port]]);
    }
    setup.add("I.route", &[lpm(&[10, 0, 0, 3], 32)], "I.drop", &[]);
    setup.add("I.route", &[lpm(&[10, 0, 1, 0], 24)], "NoAction", &[]);
    setup
}

fn acl() -> Setup {
    let mut setup = Setup::default();
    let ternary = |value: &[u8], mask: &[u8]| MatchParam::Ternary(value.to_vec(), mask.to_vec());
    let range = |low: u16, high: u16| MatchParam::Range(low.to_be_bytes().to_vec(), high.to_be_bytes().to_vec());
    let any_port = ternary(&[0, 0], &[0, 0]);
    let mut add = |priority, source, ports, udp: u8, port: &MatchParam, action: &str, data: &[&[u8]]| {
        setup.add_at(priority, "I.acl", &[source, ports, exact(&[udp]), port.clone()], action, data);
    };
    add(5, ternary(&[10, 0, 0, 0], &[255, 0, 0, 0]), range(0, 0xffff), 1, &any_port, "I.permit", &[&[0, 1]]);
    add(3, ternary(&[10, 0, 0, 0], &[255, 255, 0, 0]), range(50, 60), 1, &any_port, "I.mark", &[&[0xb8], &[0, 2]]);
    add(4, ternary(&[0, 0, 0, 1], &[0, 0, 0, 1]), range(54, 54), 1, &any_port, "I.deny", &[]);
    add(2, ternary(&[0, 0, 0, 0], &[0, 0, 0, 1]), range(7400, 7400), 1, &any_port, "I.deny", &[]);
    add(9, ternary(&[0; 4], &[0; 4]), range(0, 0xffff), 0, &any_port, "I.permit", &[&[0, 3]]);
    add(8, ternary(&[0; 4], &[0; 4]), range(0, 0), 0, &ternary(&[0, 2], &[1, 0xff]), "I.permit", &[&[0, 4]]);
    setup
}

fn ecmp() -> Setup {
    let mut setup = Setup::default();
    setup.add("I.group", &[lpm(&[10, 0, 0, 0], 24)], "I.choose", &[&[0, 1], &[0, 0, 0, 3]]);
    setup.add("I.group", &[lpm(&[10, 0, 0, 3], 32)], "I.choose", &[&[0, 2], &[0, 0, 0, 1]]);
    for way in 1..=3 {
        setup.add("I.way", &[exact(&[0, way])], "I.go", &[&[0, way], &[2, 0, 0, 0, 0, way]]);
    }
    let go = |port: u8| ("I.go".to_owned(), vec![vec![0, port], vec![2, 0, 0, 0, 1, port]]);
    setup.profiles.push(Profile {
        name: "I.ways".to_owned(),
        table: "I.selected".to_owned(),
        members: vec![go(4), go(5), go(6), ("I.drop".to_owned(), vec![]), go(7)],
        groups: vec![vec![0, 1, 2], vec![4, 0], vec![3, 1, 4, 2]],
        entries: vec![
            (vec![exact(&[0])], Target::Group(0)),
            (vec![exact(&[1])], Target::Member(4)),
            (vec![exact(&[2])], Target::Group(1)),
            (vec![exact(&[3])], Target::Group(2)),
        ],
    });
    setup
}

fn copies() -> Setup {
    let mut setup = Setup { mirrors: vec![(0, 9), (1, 10), (2, 11)], ..Setup::default() };
    setup.groups.push(Group { group: 1, rid: 0x21, ports: [1, 2, 8].into() });
    setup.groups.push(Group { group: 2, rid: 7, ports: [3].into() });
    setup
}

fn stacks() -> Setup {
    let mut setup = Setup::default();
    let mut add = |label: u8, action: &str, data: &[&[u8]]| {
        setup.add("I.labels", &[exact(&[0, 0, label])], action, data);
    };
    add(16, "I.swap", &[&[0, 1, 1], &[0, 1]]);
    add(17, "I.push", &[&[0, 2, 2], &[0, 2]]);
    add(18, "I.pop", &[&[0, 3]]);
    add(19, "I.pop_two", &[&[0, 4]]);
    add(20, "I.double_push", &[&[0, 5]]);
    setup
}

impl Traffic {
    /// IPv4, most of it UDP with a checksum.
    fn routed(&mut self) -> (u32, Vec<u8>) {
        let payload: Vec<u8> = (0..self.below(20)).map(|_| self.number().to_le_bytes()[0]).collect();
        let mut datagram = udp(*self.choose(&[53, 54, 7400]), *self.choose(&[50, 54, 61, 7400]), &payload);
        if self.one_in(2) {
            datagram[6..8].copy_from_slice(&[1, 2]);
        }
        let (protocol, words) = (*self.choose(&[17, 17, 17, 16, 6]), *self.choose(&[5, 5, 5, 5, 6]));
        let mut packet = ipv4(protocol, *self.choose(&[0, 1, 2, 64]), words, 0x4000, &datagram);
        // Where a change leaves the checksum right.
        let (a, b) = (self.below(3), self.below(4));
        packet[15] = packet[15].wrapping_add(u8::try_from(a).unwrap());
        packet[19] = packet[19].wrapping_add(u8::try_from(b).unwrap());
        packet[1] = u8::try_from(self.below(5)).unwrap();
        let change = a + b + usize::from(packet[1]);
        let sum = (u16::from(packet[10]) << 8 | u16::from(packet[11])) as usize;
        let sum = if sum < change { 0xffff - (change - sum) } else { sum - change };
        packet[10..12].copy_from_slice(&u16::try_from(sum).unwrap().to_be_bytes());
        let source = [2, 0, 0, 0, 0, *self.choose(&[1, 7, 8])];
        let kind = *self.choose(&[IPV4, IPV4, IPV4, IPV4, 0x0801, 0x0804]);
        let mut frame = ethernet([2, 0, 0, 0, 0, 9], source, kind, &packet);
        if self.one_in(3) {
            self.damage(&mut frame);
        }
        (*self.choose(&[1, 2, 0x102]), frame)
    }

    /// Few addresses, many lengths.
    fn anything(&mut self) -> (u32, Vec<u8>) {
        let [to, from, kind, length, ..] = self.number().to_le_bytes();
        let frame = ethernet([2, 0, 0, 0, 0, to], [2, 0, 0, 0, 0, from & 7], kind.into(), &vec![kind; length.into()]);
        (u32::from(from & 3), frame)
    }

    /// What it asks for stands in its destination. Long enough for both headers: what BMv2 reads of a header that is not valid is left
    /// of an earlier packet.
    fn wish(&mut self) -> (u32, Vec<u8>) {
        let [wish, other, high, low, kind, length, ..] = self.number().to_le_bytes();
        let wish = if self.one_in(2) { 1 << (wish & 7) } else { wish & other };
        let frame =
            ethernet([wish, 0, 0, 0, high, low], [3; 6], kind.into(), &vec![other; 8 + usize::from(length & 63)]);
        (u32::from(length & 3), frame)
    }

    /// Labels, and IPv4 below.
    fn labelled(&mut self) -> (u32, Vec<u8>) {
        let mut rest = Vec::new();
        let kind = *self.choose(&[0x8847, 0x8847, 0x8847, 0x8848, 0x0800]);
        if kind == 0x8848 {
            rest.extend([9, 9]);
        }
        let labels = if kind == 0x0800 { 0 } else { 1 + self.below(5) };
        for i in 0..labels {
            let label = *self.choose(&[16, 17, 18, 19, 20, 21, 3]) << 12;
            let bottom = u32::from(i + 1 == labels) << 8;
            rest.extend_from_slice(&(label | bottom | 0x0a00 | 7).to_be_bytes());
        }
        if !self.one_in(4) {
            rest.extend(ipv4(*self.choose(&[6, 17]), 64, 5, 0, b"payload"));
        }
        let mut frame = ethernet([2; 6], [4; 6], kind, &rest);
        if self.one_in(4) {
            self.damage(&mut frame);
        }
        (1, frame)
    }

    /// A route, behind padding or not, and records of switches.
    fn guided(&mut self) -> (u32, Vec<u8>) {
        let kind = *self.choose(&[0x1234, 0x1234, 0x1235, 0x1236, 0x1237]);
        let mut rest = Vec::new();
        if kind == 0x1235 {
            rest.extend(vec![0; 1 + self.below(40)]);
        }
        let hops = if kind == 0x1236 { 0 } else { 1 + self.below(6) };
        for i in 0..hops {
            let last = if i + 1 == hops { 0x80 } else { 0 };
            rest.extend([last | *self.choose(&[0, 0, 1]), 1 + self.number().to_le_bytes()[0] % 8]);
        }
        let records = self.below(6);
        rest.extend([u8::try_from(*self.choose(&[records, records, records, 3])).unwrap(), 7]);
        for _ in 0..records {
            rest.extend([*self.choose(&[1, 2, 3, 0xff]), self.number().to_le_bytes()[0], 0, 5]);
        }
        if !self.one_in(4) {
            rest.extend(b"payload");
        }
        let mut frame = ethernet([2; 6], [4; 6], kind, &rest);
        if self.one_in(4) {
            self.damage(&mut frame);
        }
        (1, frame)
    }

    /// Values at random, many of them at an end of their range.
    fn numbers(&mut self) -> (u32, Vec<u8>) {
        let mut rest = Vec::new();
        for bytes in [16, 16, 4, 4, 1, 1, 2, 3] {
            let fill = *self.choose(&[0, 0x7f, 0x80, 0xff, 1, 2]);
            match self.below(3) {
                0 => rest.extend((0..bytes).map(|_| fill)),
                1 => rest.extend((0..bytes).map(|i| if i + 1 == bytes { fill } else { 0 })),
                _ => rest.extend((0..bytes).map(|_| self.number().to_le_bytes()[0])),
            }
        }
        (1, ethernet([2; 6], [4; 6], 1, &rest))
    }

    /// IPv4 with options, items of many lengths, one of two headers. What is to be done with them stands in the destination.
    fn optional(&mut self) -> (u32, Vec<u8>) {
        let mut rest = Vec::new();
        let (kind, next) = (*self.choose(&[0x0800, 0x0800, 0x0801, 0x0802]), *self.choose(&[1, 1, 2, 3]));
        let items = if kind == 0x0801 || kind == 0x0800 && next == 1 { 1 + self.below(4) } else { 0 };
        for i in 0..items {
            let bits = *self.choose(&[0, 8, 16, 32, 64, 64, 72, 5]);
            rest.extend([if i + 1 == items { 2 } else { 1 }, bits]);
            rest.extend((0..=bits / 8).map(|_| self.number().to_le_bytes()[0]));
        }
        rest.extend([*self.choose(&[0, 1, 2, 3]), 4, 5, 6, 7, 8]);
        if kind == 0x0800 {
            let words = *self.choose(&[5, 6, 8, 15, 4]);
            rest = ipv4(next, 64, words, 0, &rest);
        }
        let [wish, mask, ..] = self.number().to_le_bytes();
        let wish = if self.one_in(2) { 1 << (wish & 7) } else { wish & mask };
        let mut frame = ethernet([wish, 0, 0, 0, 0, 2], [4; 6], kind, &rest);
        if self.one_in(4) {
            self.damage(&mut frame);
        }
        (1, frame)
    }
}
