//! Control, leases, ended incarnations, snapshots.

use super::*;
use crate::access::CallKey;

const CALL: CallKey = CallKey { client: 7, rpc: 1 };

fn lease(call: CallKey, objects: &[Pointer]) -> Control {
    let objects = objects.iter().map(|pointer| pointer.object_id()).collect();
    Control::Lease { call, caller: holder(A), callee: holder(B), objects }
}

#[test]
fn only_the_controller_does_anything() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"abcd");
    assert_eq!(rig.read(B, pointer, 0, 1), Err(Refusal::NoRight));
    assert_eq!(rig.write(B, pointer, 0, b"x"), Err(Refusal::NoRight));
    assert_eq!(rig.free(B, pointer), Err(Refusal::NoRight));
    let mut rig = Rig::open();
    let pointer = rig.alloc(A, b"abcd");
    rig.write(B, pointer, 0, b"x").unwrap();
    rig.free(B, pointer).unwrap();
    assert_eq!(rig.free(A, pointer), Err(Refusal::NoSuchObject));
}

#[test]
fn a_lease_lets_the_callee_read_and_nobody_write() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"abcd");
    assert_eq!(rig.control(lease(CALL, &[pointer])), Ok(1));
    assert_eq!(rig.control(lease(CALL, &[pointer])), Ok(0), "the same lease is one");
    assert_eq!(rig.read(B, pointer, 0, 4).unwrap(), b"abcd");
    assert_eq!(rig.write(A, pointer, 0, b"x"), Err(Refusal::Leased));
    assert_eq!(rig.write(B, pointer, 0, b"x"), Err(Refusal::NoRight));
    assert_eq!(rig.control(Control::Release { call: CALL }), Ok(1));
    assert_eq!(rig.read(B, pointer, 0, 4), Err(Refusal::NoRight));
    rig.write(A, pointer, 0, b"x").unwrap();
}

#[test]
fn a_free_under_a_lease_takes_effect_for_all_but_the_lessee() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"abcd");
    let other = CallKey { rpc: 2, ..CALL };
    rig.control(lease(CALL, &[pointer])).unwrap();
    rig.control(lease(other, &[pointer])).unwrap();
    rig.free(A, pointer).unwrap();
    assert_eq!(rig.read(A, pointer, 0, 1), Err(Refusal::NoSuchObject));
    assert_eq!(rig.free(A, pointer), Err(Refusal::NoSuchObject));
    rig.control(Control::Release { call: CALL }).unwrap();
    assert_eq!(rig.read(B, pointer, 0, 4).unwrap(), b"abcd");
    rig.control(Control::Release { call: other }).unwrap();
    assert_eq!(rig.read(B, pointer, 0, 4), Err(Refusal::NoSuchObject));
    assert_eq!(rig.used(), 0);
}

#[test]
fn a_node_passes_only_what_it_controls_or_leases() {
    let mut rig = Rig::plain();
    let (mine, other) = (rig.alloc(A, b"mine"), rig.alloc(B, b"other"));
    assert_eq!(rig.control(lease(CALL, &[mine, other])), Err(Refusal::NoRight));
    assert_eq!(rig.read(B, mine, 0, 1), Err(Refusal::NoRight), "all of them, or none");
    rig.control(lease(CALL, &[mine])).unwrap();
    let on = Control::Lease {
        call: CallKey { client: 8, rpc: 1 },
        caller: holder(B),
        callee: holder(3),
        objects: vec![mine.object_id()],
    };
    assert_eq!(rig.control(on), Ok(1), "what it leases");
}

#[test]
fn a_reply_gives_what_the_callee_controlled_and_ends_the_leases() {
    let mut rig = Rig::plain();
    let (argument, result) = (rig.alloc(A, b"argument"), rig.alloc(B, b"result"));
    rig.control(lease(CALL, &[argument])).unwrap();
    let returned = vec![result.object_id(), argument.object_id()];
    let reply = Control::Reply { call: CALL, from: holder(B), to: holder(A), returned };
    assert_eq!(rig.control(reply.clone()), Ok(2), "one transferred, one lease ended");
    assert_eq!(rig.control(reply), Ok(0));
    rig.write(A, result, 0, b"mine").unwrap();
    assert_eq!(rig.read(B, result, 0, 1), Err(Refusal::NoRight));
    rig.write(A, argument, 0, b"still").unwrap();
}

#[test]
fn the_table_says_which_call_gave_an_object_to_its_controller() {
    let mut rig = Rig::plain();
    let (kept, given) = (rig.alloc(B, b"kept"), rig.alloc(B, b"given"));
    let reply = Control::Reply { call: CALL, from: holder(B), to: holder(A), returned: vec![given.object_id()] };
    rig.control(reply).unwrap();
    let given_by =
        |rig: &Rig| -> Vec<_> { rig.memory.export(None, 10).objects.iter().map(|row| row.given_by).collect() };
    assert_eq!(given_by(&rig), [None, Some(CALL)]);
    rig.control(Control::Revoke { object: given.object_id(), from: holder(A) }).unwrap();
    rig.control(Control::Grant { object: given.object_id(), to: holder(B) }).unwrap();
    assert_eq!(given_by(&rig), [None, None], "it is given anew");
    [kept, given].into_iter().for_each(|pointer| rig.free(B, pointer).unwrap());
    assert_eq!(rig.memory.newest(), given.object_id(), "though it is gone");
}

#[test]
fn an_ended_incarnation_is_refused_everything_and_its_successor_has_its_rights() {
    let mut rig = Rig::open();
    let pointer = rig.alloc(A, b"abcd");
    rig.submit(A, 50, write_after(pointer, 49, b"wait"));
    assert_eq!(rig.control(Control::EndIncarnation { holder: holder(A) }), Ok(1));
    assert_eq!(rig.control(Control::EndIncarnation { holder: holder(A) }), Ok(0));
    assert_eq!(rig.read(A, pointer, 0, 1), Err(Refusal::EndedIncarnation));
    assert_eq!(rig.memory.open(client(A)), Err(Refusal::EndedIncarnation));
    assert_eq!(rig.memory.metrics().waiting, 0);
    assert_eq!(rig.control(Control::Succeed { from: holder(A), to: holder(B) }), Ok(1));
    assert_eq!(rig.memory.export(None, 10).objects[0].control, Some(holder(B)));
}

#[test]
fn cleanup_frees_what_the_node_controlled_and_may_be_repeated() {
    let mut rig = Rig::plain();
    let (gone, leased, stays) = (rig.alloc(A, b"gone"), rig.alloc(A, b"leased"), rig.alloc(B, b"stays"));
    rig.control(lease(CALL, &[leased])).unwrap();
    assert_eq!(rig.control(Control::Cleanup { holder: holder(A) }), Ok(3));
    assert_eq!(rig.control(Control::Cleanup { holder: holder(A) }), Ok(0));
    assert_eq!(rig.read(B, gone, 0, 1), Err(Refusal::NoSuchObject));
    assert_eq!(rig.read(B, leased, 0, 6).unwrap(), b"leased");
    rig.control(Control::Release { call: CALL }).unwrap();
    rig.free(B, stays).unwrap();
    assert_eq!(rig.memory.metrics().objects, 0);
}

#[test]
fn what_is_revoked_is_nobodys_until_it_is_granted() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"abcd");
    let grant = Control::Grant { object: pointer.object_id(), to: holder(B) };
    assert_eq!(rig.control(grant.clone()), Err(Refusal::NoRight));
    assert_eq!(rig.control(Control::Revoke { object: pointer.object_id(), from: holder(A) }), Ok(1));
    assert_eq!(rig.read(A, pointer, 0, 1), Err(Refusal::NoRight));
    assert_eq!((rig.control(grant.clone()), rig.control(grant)), (Ok(1), Ok(0)));
    rig.free(B, pointer).unwrap();
}

#[test]
fn what_is_reclaimed_is_freed_if_its_node_controls_it() {
    let mut rig = Rig::plain();
    let (mine, leased, others) = (rig.alloc(A, b"mine"), rig.alloc(A, b"leased"), rig.alloc(B, b"other"));
    rig.control(lease(CALL, &[leased])).unwrap();
    let objects = vec![mine.object_id(), leased.object_id(), others.object_id()];
    let reclaim = Control::Reclaim { objects, from: holder(A) };
    assert_eq!((rig.control(reclaim.clone()), rig.control(reclaim)), (Ok(2), Ok(0)));
    assert_eq!(rig.read(A, mine, 0, 1), Err(Refusal::NoSuchObject));
    assert_eq!(rig.read(B, leased, 0, 6).unwrap(), b"leased", "until its lease ends");
    rig.control(Control::Release { call: CALL }).unwrap();
    rig.free(B, others).unwrap();
    assert_eq!(rig.memory.metrics().objects, 0);
    let many = Control::Reclaim { objects: vec![mine.object_id(); 65_537], from: holder(A) };
    assert_eq!(rig.control(many), Err(Refusal::TooLarge { limit: 65_536 }));
}

#[test]
fn a_snapshot_is_restored_as_often_as_one_likes_even_after_a_free() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"before");
    let objects = vec![pointer.object_id()];
    let snapshot = Control::Snapshot { id: 1, objects };
    assert_eq!((rig.control(snapshot.clone()), rig.control(snapshot)), (Ok(1), Ok(0)));
    let others = Control::Snapshot { id: 1, objects: Vec::new() };
    assert_eq!(rig.control(others), Err(Refusal::SnapshotExists));
    for _ in 0..2 {
        rig.write(A, pointer, 0, b"behind").unwrap();
        rig.free(A, pointer).unwrap();
        assert_eq!(rig.read(A, pointer, 0, 6), Err(Refusal::NoSuchObject));
        assert_eq!(rig.control(Control::Restore { id: 1 }), Ok(1));
        assert_eq!(rig.read(A, pointer, 0, 6).unwrap(), b"before");
    }
    rig.free(A, pointer).unwrap();
    assert_eq!(rig.control(Control::DropSnapshot { id: 1 }), Ok(1));
    assert_eq!(rig.control(Control::DropSnapshot { id: 1 }), Ok(0));
    assert_eq!(rig.control(Control::Restore { id: 1 }), Err(Refusal::NoSuchSnapshot));
    assert_eq!((rig.used(), rig.memory.metrics().objects), (0, 0));
}

#[test]
fn the_table_is_read_page_by_page() {
    let mut rig = Rig::plain();
    let pointers: Vec<Pointer> = (0..5).map(|_| rig.alloc(A, b"x")).collect();
    rig.control(lease(CALL, &pointers[..2])).unwrap();
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = rig.memory.export(after, 2);
        assert_eq!(page.last, Stamp { term: 1, sequence: 1 });
        seen.extend(page.objects);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (5, 3));
    assert_eq!(seen[1].leases, [(CALL, holder(B))]);
    assert!(seen.iter().zip(&pointers).all(|(row, pointer)| row.object == pointer.object_id()));
}
