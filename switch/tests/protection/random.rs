//! Many random histories.

use crate::frames::{Named, address, frame, header, parse};
use crate::world::{NODES, SERVERS, World};
use bifrost_rpc::wire::{Flags, PacketType, Pointer};
use bifrost_switch::gatekeeper::Reason;
use bifrost_switch::gatekeeper::calls::Sizes;
use bifrost_switch::rules::Decision;
use std::time::Duration;

const SEEDS: u64 = 300;
const ACTIONS: usize = 600;

impl World {
    fn some_node(&mut self) -> Option<usize> {
        let number = self.rng.below(NODES);
        self.nodes[number].lives.then_some(number)
    }

    fn act(&mut self) {
        match self.rng.below(100) {
            0..=5 => self.act_alloc(),
            6..=15 => self.act_call(),
            16..=23 => self.act_copy(),
            24..=33 => self.act_answer(),
            34..=36 => self.act_cancel(),
            37..=38 => self.act_free(),
            39..=42 => self.act_hostile(),
            43 if self.rng.chance(25) => {
                let number = self.some_node();
                number.into_iter().for_each(|number| self.kill(number));
            }
            44 if self.rng.chance(15) => {
                let at = self.rng.below(SERVERS.len());
                self.restart_server(at);
            }
            45 => self.pass_time(Duration::from_millis(700)),
            46..=49 => self.some_report(),
            _ => {
                for _ in 0..3 {
                    self.some_event();
                    self.check();
                }
            }
        }
        self.check();
    }

    fn some_report(&mut self) {
        let Some(number) = self.some_node().filter(|number| !self.nodes[*number].reports.is_empty()) else { return };
        let at = self.rng.below(self.nodes[number].reports.len());
        // It may come again.
        let line = match self.rng.chance(30) {
            true => self.nodes[number].reports[at],
            false => self.nodes[number].reports.swap_remove(at),
        };
        let sender = self.nodes[number].holder();
        self.report(sender, &line);
    }

    /// Something gets on that is on its way.
    fn some_event(&mut self) {
        match self.rng.below(6) {
            0 | 1 if !self.net.is_empty() => {
                let at = self.rng.below(self.net.len());
                if self.rng.chance(15) {
                    let copy = self.net[at].clone();
                    self.net.push(copy);
                }
                // Nobody here asks again for the answer to a FREE.
                if self.rng.chance(10) && self.net[at].0 != Reason::Free {
                    self.net.swap_remove(at);
                } else {
                    self.deliver(at);
                }
            }
            2 => {
                let at = self.rng.below(SERVERS.len());
                self.servers[at].step();
            }
            3 => {
                let at = self.rng.below(SERVERS.len());
                self.server_answers(at);
            }
            4 => self.table_changes(),
            _ => self.tables_answer(),
        }
    }

    fn act_alloc(&mut self) {
        let Some(number) = self.some_node() else { return };
        let server = SERVERS[self.rng.below(SERVERS.len())];
        let frame = self.nodes[number].alloc(server);
        self.send(number, frame);
    }

    /// Pointers that a node has, and now and then one that it has no right to.
    fn some_pointers(&mut self, number: usize, max: usize) -> Vec<Pointer> {
        let mut pointers = Vec::new();
        for _ in 0..=self.rng.below(max) {
            let from = if self.rng.chance(5) { self.rng.below(NODES) } else { number };
            let has = &self.nodes[from].pointers;
            let at = self.rng.below(has.len());
            pointers.extend(has.get(at).copied());
        }
        pointers
    }

    fn act_call(&mut self) {
        let Some(number) = self.some_node() else { return };
        let pointers = self.some_pointers(number, 3);
        let to = self.rng.below(NODES);
        let callee = self.callee(to);
        if pointers.is_empty() {
            return;
        }
        let kind = if self.rng.chance(20) { PacketType::Oneway } else { PacketType::Call };
        let frame = self.nodes[number].call(&callee, kind, pointers);
        self.send(number, frame);
    }

    fn act_copy(&mut self) {
        let Some(number) = self.some_node() else { return };
        let asked: Vec<_> = self.nodes[number].asked.values().cloned().collect();
        if let Some(asked) = asked.get(self.rng.below(asked.len())) {
            let frame = self.nodes[number].copy(asked);
            self.send(number, frame);
        }
    }

    /// A handler ends.
    fn act_answer(&mut self) {
        let Some(number) = self.some_node() else { return };
        let running = self.nodes[number].running();
        let Some((key, kind, is_cancelled)) = running.get(self.rng.below(running.len())).copied() else { return };
        let is_done = kind == PacketType::Oneway || (is_cancelled && self.rng.chance(50));
        if is_done {
            self.nodes[number].done(key);
            let named = self.nodes[number].served[&key].named;
            let caller = self.nodes[number].served[&key].caller;
            let incarnation = self.nodes[number].incarnation;
            let done = header(PacketType::Done, named, incarnation, Flags::LEASED);
            self.send(number, frame(done, &[], &[], address(number), address(caller)));
            return;
        }
        let kinds =
            [PacketType::Reply, PacketType::Reply, PacketType::Reply, PacketType::Exception, PacketType::Refused];
        let kind = kinds[self.rng.below(kinds.len())];
        let returned = match kind == PacketType::Reply && self.rng.chance(60) {
            true => self.some_pointers(number, 2),
            false => Vec::new(),
        };
        self.note_heirs(number, key, &returned);
        let frame = self.nodes[number].answer(key, kind, &returned);
        frame.into_iter().for_each(|frame| self.send(number, frame));
    }

    fn note_heirs(&mut self, number: usize, key: (u64, u64), returned: &[Pointer]) {
        let callee = self.nodes[number].holder();
        let caller = bifrost_switch::gatekeeper::Holder {
            node: address(usize::try_from(key.0 / 1000 - 1).unwrap()),
            incarnation: u32::try_from(key.0 % 1000).unwrap(),
        };
        for pointer in returned {
            if let Some(heirs) = self.heirs.get_mut(pointer).filter(|heirs| heirs.contains(&callee)) {
                heirs.insert(caller);
            }
        }
    }

    fn act_cancel(&mut self) {
        let Some(number) = self.some_node() else { return };
        let asked: Vec<u64> = self.nodes[number].asked.keys().copied().collect();
        let Some(rpc) = asked.get(self.rng.below(asked.len())).copied() else { return };
        let frame = self.nodes[number].cancel(rpc);
        frame.into_iter().for_each(|frame| self.send(number, frame));
    }

    fn act_free(&mut self) {
        let Some(number) = self.some_node() else { return };
        let pointers = self.some_pointers(number, 1);
        for pointer in pointers {
            let frame = self.nodes[number].free(pointer);
            self.send(number, frame);
        }
    }

    /// A node sends what it should not.
    fn act_hostile(&mut self) {
        let Some(number) = self.some_node() else { return };
        let victim = self.rng.below(NODES);
        let calls: Vec<Named> = self.nodes[victim].asked.values().map(|asked| asked.named).collect();
        let Some(named) = calls.get(self.rng.below(calls.len())).copied() else { return };
        let incarnation = self.nodes[number].incarnation;
        let own = self.nodes[number].instance();
        // A client is the first node's that uses it, as long as that lives.
        if !self.clients.contains(&named.client) || !self.nodes[victim].lives {
            return;
        }
        let pointers = self.some_pointers(number, 2);
        let (to, from) = (address(victim), address(number));
        let lies = |kind, named| header(kind, named, incarnation, Flags::LEASED);
        let made = match self.rng.below(7) {
            // An answer of a node that was not called, under the callee's instance or its own.
            0 if named.instance != own => frame(lies(PacketType::Reply, named), &pointers, &[], from, to),
            1 if named.instance != own => {
                frame(lies(PacketType::Reply, Named { instance: own, ..named }), &pointers, &[], from, to)
            }
            // The end of a call that is another's.
            2 if named.instance != own => frame(lies(PacketType::Done, named), &[], &[], from, to),
            3 if victim != number => frame(lies(PacketType::Cancel, named), &[], &[], from, to),
            // A call under another's name, or under an incarnation that is not its own.
            4 if victim != number => frame(lies(PacketType::Call, named), &pointers, &[], from, to),
            5 => {
                let mut header = lies(PacketType::Call, named);
                header.incarnation += 1;
                frame(header, &pointers, &[], from, to)
            }
            // Under another's address: the switch admits no such frame, and neither does this.
            6 if victim != number => frame(lies(PacketType::Call, named), &pointers, &[], to, from),
            _ => return,
        };
        self.send(number, made);
    }

    /// All that is on its way arrives, and nothing is lost any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.net.is_empty() && self.is_quiet() && self.nodes.iter().all(|node| node.reports.is_empty()) {
                return;
            }
            while !self.net.is_empty() {
                self.deliver(0);
            }
            for at in 0..SERVERS.len() {
                while !self.servers[at].told.is_empty() {
                    self.servers[at].step();
                }
                while !self.servers[at].answered.is_empty() {
                    self.server_answers(at);
                }
            }
            while !self.changes.is_empty() {
                self.table_changes();
            }
            while !self.changed.is_empty() {
                self.tables_answer();
            }
            for number in 0..NODES {
                let lines = std::mem::take(&mut self.nodes[number].reports);
                let sender = self.nodes[number].holder();
                lines.iter().for_each(|line| self.report(sender, line));
            }
            self.check();
        }
        panic!("it does not come to rest");
    }

    /// Every call ends.
    pub(crate) fn finish(&mut self) {
        self.is_lossy = false;
        for _ in 0..100 {
            self.settle();
            self.check_quiet();
            let asked = self.nodes.iter().map(|node| node.asked.len() + node.running().len()).sum::<usize>();
            if asked == 0 && self.calls.sizes().calls == 0 {
                return;
            }
            for number in 0..NODES {
                for (key, kind, is_cancelled) in self.nodes[number].running() {
                    if kind == PacketType::Oneway || is_cancelled {
                        self.nodes[number].done(key);
                    } else {
                        let frame = self.nodes[number].answer(key, PacketType::Reply, &[]).unwrap();
                        self.send(number, frame);
                    }
                }
                let asked: Vec<_> = self.nodes[number].asked.values().cloned().collect();
                for asked in asked {
                    let frame = match asked.kind {
                        // Accepted calls without an answer are given up.
                        PacketType::Oneway => self.nodes[number].cancel(asked.named.rpc).unwrap(),
                        _ => self.nodes[number].copy(&asked),
                    };
                    self.send(number, frame);
                }
            }
            self.settle();
            self.pass_time(Duration::from_secs(2));
        }
        let open: Vec<_> = self.nodes.iter().map(|node| (&node.asked, node.running())).collect();
        panic!("calls do not end: {open:?}, {:?}", self.calls.running(None).collect::<Vec<_>>());
    }
}

fn history(seed: u64) -> bifrost_switch::gatekeeper::calls::Counts {
    let mut world = World::new(seed);
    world.is_lossy = true;
    for _ in 0..ACTIONS {
        world.act();
    }
    world.finish();
    for number in 0..NODES {
        world.kill(number);
    }
    world.settle();
    world.check_quiet();
    for number in 0..NODES {
        world.kill(number);
    }
    world.settle();
    assert_eq!(world.calls.sizes(), Sizes::default(), "something is left");
    assert!(world.table.is_empty() && world.calls.rights().collect::<Vec<Decision>>().is_empty());
    assert!(world.servers.iter().all(|server| server.rows().is_empty()), "objects are left");
    world.calls.counts().clone()
}

#[test]
fn rights_are_in_force_while_calls_run_and_nothing_is_left_whatever_happens() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    let (mut released, mut causes) = (0, std::collections::BTreeSet::new());
    for seed in seeds {
        let counts = std::panic::catch_unwind(|| history(seed)).unwrap_or_else(|_| panic!("SEED={seed} fails"));
        released += counts.released;
        causes.extend(counts.causes.keys().copied());
    }
    // Most of what can happen did.
    let is_one = std::env::var("SEED").is_ok();
    assert!(is_one || (released > 4_000 && causes.len() >= 12), "{released} {causes:?}");
}

#[test]
fn any_bytes_are_taken_or_counted() {
    let mut world = World::new(7);
    let (mut good, mut taken) = (Vec::new(), 0);
    for _ in 0..200 {
        world.act();
        good.extend(world.net.iter().map(|(_, _, frame)| frame.clone()));
        world.settle();
    }
    for number in 0..20_000 {
        let mut bytes = good[number % good.len()].clone();
        for _ in 0..=world.rng.below(3) {
            let at = world.rng.below(bytes.len());
            bytes[at] ^= 1 << world.rng.below(8);
        }
        bytes.truncate(if world.rng.chance(10) { world.rng.below(bytes.len()) } else { bytes.len() });
        // With the checksum put right, most get further.
        if let Ok((_, _)) = bifrost_rpc::wire::frame::FrameAddresses::parse(&repaired(&bytes)) {
            taken += 1;
        }
        world.calls.handle_packet(world.now, &world.rack, Reason::Lease, 1, &repaired(&bytes));
        while world.calls.poll_step().is_some() {}
    }
    assert!(taken > 1000);
    let _ = parse(&good[0]);
}

/// A frame with the right checksum, if it has headers at all.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    use bifrost_rpc::wire::frame::{FRAME_HEADERS_BYTES, FrameAddresses, Sum};
    let Some((head, payload)) = bytes.split_first_chunk::<FRAME_HEADERS_BYTES>() else { return bytes.to_vec() };
    let at = |from: usize| std::net::Ipv6Addr::from(<[u8; 16]>::try_from(&head[from..from + 16]).unwrap());
    let addresses = FrameAddresses {
        source_mac: head[6..12].try_into().unwrap(),
        destination_mac: head[..6].try_into().unwrap(),
        source: at(22),
        destination: at(38),
        source_port: u16::from_be_bytes([head[54], head[55]]),
        destination_port: u16::from_be_bytes([head[56], head[57]]),
    };
    let mut sum = Sum::default();
    sum.add(payload);
    addresses.headers(payload.len(), sum).map_or_else(|| bytes.to_vec(), |headers| [&headers[..], payload].concat())
}
