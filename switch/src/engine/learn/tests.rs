use super::*;
use proptest::prelude::*;

fn learner() -> Learner {
    let mut learner = Learner::new(&[LearnList { name: "learned".into(), id: 3, fields: Vec::new() }]);
    learner.set_on(true);
    learner
}

#[test]
fn a_buffer_goes_out_when_it_is_full_or_old() {
    let mut learner = learner();
    learner.set_full(3, 2).unwrap();
    learner.learn(3, b"a", 10);
    assert_eq!((learner.poll(10), learner.due()), (None, Some(1_000_010)));
    learner.learn(3, b"b", 20);
    let expected = Notification { list: 3, buffer: 0, samples: 2, bytes: b"ab".to_vec() };
    assert_eq!(learner.poll(20), Some(expected));
    learner.learn(3, b"c", 30);
    assert_eq!(learner.poll(1_000_029), None);
    let expected = Notification { list: 3, buffer: 1, samples: 1, bytes: b"c".to_vec() };
    assert_eq!(learner.poll(1_000_030), Some(expected));
    assert_eq!(learner.due(), None);
    learner.set_wait(3, 0).unwrap();
    learner.learn(3, b"d", 40);
    assert_eq!((learner.due(), learner.poll(u64::MAX)), (None, None), "it waits for others for ever");
    learner.set_full(3, 1).unwrap();
    assert_eq!(learner.poll(50).unwrap().bytes, b"d", "the buffer has become smaller");
}

#[test]
fn a_sample_comes_again_when_it_was_acknowledged() {
    let mut learner = learner();
    learner.set_full(3, 2).unwrap();
    let send = |learner: &mut Learner, samples: [&[u8]; 2]| {
        samples.iter().for_each(|sample| learner.learn(3, sample, 0));
        learner.poll(0).map(|notification| notification.bytes)
    };
    assert_eq!(send(&mut learner, [b"a", b"b"]).unwrap(), b"ab");
    assert_eq!(send(&mut learner, [b"a", b"b"]), None);
    learner.acknowledge(3, 0, Some(&[1, 1, 7])).unwrap();
    assert_eq!(send(&mut learner, [b"a", b"c"]), None, "a is still on its way");
    assert_eq!(send(&mut learner, [b"b", b"c"]).unwrap(), b"cb");
    learner.acknowledge(3, 0, None).unwrap();
    learner.acknowledge(3, 99, None).unwrap();
    assert_eq!(send(&mut learner, [b"a", b"d"]).unwrap(), b"ad");
    assert_eq!(learner.acknowledge(4, 0, None), Err(LearnError::InvalidId));
}

#[test]
fn what_nobody_wants_takes_no_memory() {
    let mut learner = Learner::new(&[LearnList { name: "learned".into(), id: 3, fields: Vec::new() }]);
    learner.learn(3, b"a", 0);
    assert_eq!((learner.due(), learner.take_news()), (None, false));
    learner.set_on(true);
    learner.set_full(3, 1).unwrap();
    for i in 0..3 * UNACKNOWLEDGED_MAX {
        learner.learn(3, &i.to_be_bytes(), 0);
    }
    assert!(learner.ready.len() <= NOTIFICATIONS_MAX);
    assert!(learner.lists[0].known.len() <= UNACKNOWLEDGED_MAX);
    learner.set_on(false);
    assert_eq!((learner.poll(u64::MAX), learner.lists[0].known.len()), (None, 0));
}

proptest! {
    /// Whatever is learned and acknowledged: what is on its way is on its way once, and everything new comes.
    #[test]
    fn each_sample_is_on_its_way_once(
        steps in prop::collection::vec((0u8..6, prop::bool::weighted(0.3)), 1..200),
        full in 1usize..5,
    ) {
        let mut learner = learner();
        learner.set_full(3, full).unwrap();
        let (mut waiting, mut sent): (Vec<u8>, Vec<(u64, Vec<u8>)>) = (Vec::new(), Vec::new());
        for (sample, acknowledges) in steps {
            if acknowledges && !sent.is_empty() {
                let (buffer, _) = sent.remove(usize::from(sample) % sent.len());
                learner.acknowledge(3, buffer, None).unwrap();
                continue;
            }
            let is_known = waiting.contains(&sample) || sent.iter().any(|(_, samples)| samples.contains(&sample));
            learner.learn(3, &[sample], 0);
            if !is_known {
                waiting.push(sample);
            }
            if waiting.len() == full {
                let notification = learner.poll(0).unwrap();
                prop_assert_eq!(&notification.bytes, &waiting);
                sent.push((notification.buffer, std::mem::take(&mut waiting)));
            }
            prop_assert_eq!(learner.poll(0), None);
        }
    }
}
