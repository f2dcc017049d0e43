// Routes that the sender gives, and a record of each switch on the way: parser states that come back to themselves, by a bit, by a
// count, and over bytes that no header keeps.
#include "common.p4"

header hop_h {
    bit<1>  last;
    bit<15> port;
}

header trail_h {
    bit<8> count;
    bit<8> other;
}

header record_h {
    bit<16> place;
    bit<16> port;
}

header note_h {
    bit<8> problem;
    bit<8> left;
    bit<8> hops;
    bit<8> records;
}

struct headers_t {
    note_h      note;
    ethernet_h  ethernet;
    hop_h[5]    hops;
    trail_h     trail;
    record_h[4] records;
}

struct metadata_t {
    bit<8>  left;
    bit<8>  hops;
    bit<8>  records;
    bit<16> last;
}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            0x1234: hop;
            0x1235: padding;
            0x1236: trail;
            default: accept;
        }
    }
    state padding {
        packet.advance(8);
        transition select(packet.lookahead<bit<8>>()) {
            0: padding;
            default: hop;
        }
    }
    state hop {
        packet.extract(hdr.hops.next);
        meta.hops = hdr.hops.lastIndex[7:0];
        transition select(hdr.hops.last.last) {
            0: hop;
            default: trail;
        }
    }
    state trail {
        packet.extract(hdr.trail);
        meta.left = hdr.trail.count;
        transition select(meta.left) {
            0: accept;
            default: record;
        }
    }
    state record {
        packet.extract(hdr.records.next);
        meta.records = meta.records + 1;
        meta.last = hdr.records.last.place;
        meta.left = meta.left - 1;
        transition select(meta.left, meta.last) {
            (0, _): accept;
            (_, 0xffff &&& 0xff00): accept;
            default: record;
        }
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        standard.egress_spec = 9;
        if (hdr.hops[0].isValid()) {
            standard.egress_spec = hdr.hops[0].port[8:0];
            if (hdr.hops[0].last == 1) {
                hdr.ethernet.type = 0x1236;
            }
            hdr.hops.pop_front(1);
        }
        hdr.note.setValid();
        hdr.note.left = meta.left;
        hdr.note.hops = meta.hops;
        hdr.note.records = meta.records;
        if (standard.parser_error == error.PacketTooShort) {
            hdr.note.problem = 1;
        } else if (standard.parser_error == error.StackOutOfBounds) {
            hdr.note.problem = 2;
        } else {
            hdr.note.problem = 0;
        }
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        if (hdr.trail.isValid()) {
            hdr.trail.count = hdr.trail.count + 1;
            hdr.records.push_front(1);
            hdr.records[0].setValid();
            hdr.records[0].place = 0x0101;
            hdr.records[0].port = (bit<16>)standard.egress_port;
        }
    }
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), Nothing(), I(), E(), Nothing(), D()) main;
