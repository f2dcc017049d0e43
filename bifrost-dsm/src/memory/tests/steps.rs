//! Control messages in steps, and tables in pages.

use super::*;
use crate::access::CallKey;
use proptest::prelude::*;

/// A server with objects of both nodes, some of them leased to the other by calls 0 to 3; all are in a snapshot, and some
/// are freed.
fn rig(objects: &[(bool, Vec<u8>)]) -> Rig {
    let mut rig = Rig::plain();
    let mut made = Vec::new();
    for (is_of_a, calls) in objects {
        let (mine, other) = if *is_of_a { (A, B) } else { (B, A) };
        let pointer = rig.alloc(mine, b"some");
        let object = pointer.object_id();
        made.push((mine, pointer));
        for call in calls {
            let call = CallKey { client: u64::from(mine), rpc: u64::from(*call) };
            let lease = Control::Lease { call, caller: holder(mine), callee: holder(other), objects: vec![object] };
            rig.control(lease).unwrap();
        }
    }
    let objects = made.iter().map(|(_, pointer)| pointer.object_id()).collect();
    rig.control(Control::Snapshot { id: 1, objects }).unwrap();
    made.into_iter().step_by(3).for_each(|(mine, pointer)| rig.free(mine, pointer).unwrap());
    rig
}

impl Rig {
    /// Does a message in steps of `max`; returns its outcome and the number of steps.
    fn in_steps(&mut self, control: &Control, max: usize) -> (Result<u64, Refusal>, usize) {
        self.sequence += 1;
        let stamp = Stamp { term: 1, sequence: self.sequence };
        for steps in 1.. {
            if let Some(outcome) = self.memory.control_step(stamp, control, max) {
                return (outcome.map(|controlled| controlled.changed), steps);
            }
        }
        unreachable!()
    }
}

fn objects() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    prop::collection::vec((any::<bool>(), prop::collection::vec(0u8..4, 0..4)), 0..12)
}

proptest! {
    #[test]
    fn a_message_in_steps_does_what_it_does_at_once(objects in objects(), max in 1usize..6, which in 0..5) {
        let (mut whole, mut stepped) = (rig(&objects), rig(&objects));
        let (from, to, call) = (holder(A), holder(B), CallKey { client: 1, rpc: 1 });
        let returned = || whole.memory.export(None, usize::MAX).objects.iter().map(|row| row.object).collect();
        let control = match which {
            0 => Control::Succeed { from, to },
            1 => Control::Release { call },
            2 => Control::Reply { call, from, to, returned: returned() },
            3 => Control::DropSnapshot { id: 1 },
            _ => Control::Cleanup { holder: from },
        };
        let expected = whole.control(control.clone());
        let (outcome, steps) = stepped.in_steps(&control, max);
        prop_assert_eq!(outcome, expected);
        let changed = usize::try_from(outcome.unwrap()).unwrap();
        prop_assert!(steps <= changed / max + 1, "{} steps for {}", steps, changed);
        prop_assert_eq!(whole.memory.snapshots(), stepped.memory.snapshots());
        prop_assert_eq!(whole.memory.export(None, usize::MAX), stepped.memory.export(None, usize::MAX));
        prop_assert_eq!(whole.memory.metrics().used_bytes, stepped.memory.metrics().used_bytes);
        // Repeated under the same stamp it has the outcome of all steps together.
        let stamp = Stamp { term: 1, sequence: stepped.sequence };
        let again = stepped.memory.control(stamp, &control).map(|controlled| controlled.changed);
        prop_assert_eq!(again, expected);
    }
}

#[test]
fn an_incarnation_is_ended_with_the_first_step() {
    let mut rig = Rig::plain();
    (0..2).for_each(|_| _ = rig.alloc(A, b"a"));
    let stamp = Stamp { term: 1, sequence: 1 };
    let cleanup = Control::Cleanup { holder: holder(A) };
    assert_eq!(rig.memory.control_step(stamp, &cleanup, 1), None);
    assert_eq!(rig.step(A, nowhere(), Action::Alloc { len: 1 }), Err(Refusal::EndedIncarnation));
    assert_eq!(rig.memory.metrics().objects, 1);
    assert_eq!(rig.memory.last_control().sequence, 0, "not applied yet");
}

#[test]
fn the_leases_of_an_object_are_read_page_by_page() {
    let mut rig = Rig::plain();
    let [object, next] = [b"a", b"b"].map(|data| rig.alloc(A, data).object_id());
    for rpc in 1..=1500 {
        let call = CallKey { client: 9, rpc };
        let objects = vec![object];
        rig.control(Control::Lease { call, caller: holder(A), callee: holder(B), objects }).unwrap();
    }
    let page = rig.memory.export(None, 10);
    let row = &page.objects[0];
    assert!(row.has_more_leases && row.leases.len() == 1024 && page.next == Some(object), "a page of many leases ends");
    assert_eq!(rig.memory.export(page.next, 10).objects[0].object, next);
    let mut leases = row.leases.clone();
    loop {
        let more = rig.memory.leases(object, leases.last().map(|(call, _)| *call), 300);
        if more.is_empty() {
            break;
        }
        leases.extend(more);
    }
    let calls: Vec<u64> = leases.iter().map(|(call, _)| call.rpc).collect();
    assert_eq!(calls, (1..=1500).collect::<Vec<_>>());
}
