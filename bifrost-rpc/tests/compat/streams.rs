//! Halves on different threads, several messages in one flush, ends of channels.

use crate::calculator::{CalculatorClient, TCalculatorSyncClient};
use crate::{DEADLINE, Stack, connect, processor, serve};
use bifrost_rpc::thrift::transport::TIoChannel;
use std::io::{Read, Write};
use std::sync::mpsc;

/// A call of `add` with this sequence id and one of its arguments, in the binary protocol.
fn add(sequence: i32, left: i32) -> Vec<u8> {
    let header = [b"\x80\x01\0\x01\0\0\0\x03add".as_slice(), &sequence.to_be_bytes()].concat();
    [&header, b"\x08\0\x01".as_slice(), &left.to_be_bytes(), b"\x08\0\x02\0\0\0\x01\0"].concat()
}

/// Its answer.
fn sum(sequence: i32, left: i32) -> Vec<u8> {
    let header = [b"\x80\x01\0\x02\0\0\0\x03add".as_slice(), &sequence.to_be_bytes()].concat();
    [&header, b"\x08\0\0".as_slice(), &(left + 1).to_be_bytes(), b"\0"].concat()
}

#[test]
fn halves_work_on_different_threads() {
    let server = serve(processor());
    let (mut read, mut write) = connect(&server).split().unwrap();
    let (ready, is_ready) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        ready.send(()).unwrap();
        for i in 0..500 {
            let mut answer = vec![0; sum(i, 7).len()];
            read.read_exact(&mut answer).unwrap();
            assert_eq!(answer, sum(i, 7));
        }
        read
    });
    is_ready.recv().unwrap();
    for i in 0..500 {
        write.write_all(&add(i, 7)).unwrap();
        write.flush().unwrap();
    }
    let mut read = reader.join().unwrap();
    drop(write);
    assert!(read.read(&mut [0; 1]).is_err());
}

#[test]
fn a_waiting_reader_learns_that_the_writer_is_gone() {
    let server = serve(processor());
    let (mut read, write) = connect(&server).split().unwrap();
    let reader = std::thread::spawn(move || read.read(&mut [0; 1]).map_err(|error| error.kind()));
    drop(write);
    assert_eq!(reader.join().unwrap(), Err(std::io::ErrorKind::UnexpectedEof));
}

#[test]
fn messages_of_one_flush_are_answered_in_order() {
    let server = serve(processor());
    let mut channel = connect(&server);
    let framed = |message: Vec<u8>| [&u32::try_from(message.len()).unwrap().to_be_bytes(), &message[..]].concat();
    let all = [add(1, 10), framed(add(2, 20)), add(3, 30)].concat();
    channel.write_all(&all).unwrap();
    channel.flush().unwrap();
    let mut answers = Vec::new();
    let expected = [sum(1, 10), framed(sum(2, 20)), sum(3, 30)].concat();
    answers.resize(expected.len(), 0);
    channel.read_exact(&mut answers).unwrap();
    assert_eq!(answers, expected);
}

/// The channel goes right after a oneway call was flushed.
#[test]
fn a_oneway_call_outlives_its_channel() {
    let server = serve(processor());
    for _ in 0..10 {
        Stack::Compact.client(connect(&server)).note(1).unwrap();
    }
    let channel = bifrost_rpc::Channel::connect(&server.url()).unwrap().with_deadline(DEADLINE);
    assert_eq!(CalculatorClient::new(channel).noted().unwrap(), 10);
}
