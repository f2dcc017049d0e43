// Fields of variable length, at the end and in the midst of a header, in checksums, copies and stacks; header unions.
#include "common.p4"

header options_h {
    bit<4>      version;
    bit<4>      words;
    bit<8>      service;
    bit<16>     length;
    bit<32>     rest;
    bit<8>      ttl;
    bit<8>      protocol;
    bit<16>     checksum;
    bit<32>     src;
    bit<32>     dst;
    varbit<320> options;
}

header item_h {
    bit<8>      kind;
    bit<8>      length;
    varbit<64>  value;
    bit<8>      end;
}

header short_h {
    bit<8> kind;
    bit<8> data;
}

header long_h {
    bit<8>  kind;
    bit<24> data;
}

header_union either_h {
    short_h short;
    long_h  long;
}

header note_h {
    bit<16> length;
    bit<8>  problem;
    bit<8>  valid;
}

struct headers_t {
    note_h     note;
    ethernet_h ethernet;
    options_h  ipv4;
    item_h[3]  items;
    item_h     copy;
    either_h   either;
    either_h   other;
}

struct metadata_t {
    bit<8> wish;
}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        meta.wish = hdr.ethernet.dst[47:40];
        transition select(hdr.ethernet.type) {
            0x0800: ipv4;
            0x0801: item;
            0x0802: either;
            default: accept;
        }
    }
    state ipv4 {
        bit<8> first = packet.lookahead<bit<8>>();
        packet.extract(hdr.ipv4, ((bit<32>) first[3:0] - 5) << 5);
        transition select(hdr.ipv4.protocol) {
            1: item;
            2: either;
            default: accept;
        }
    }
    state item {
        bit<16> head = packet.lookahead<bit<16>>();
        packet.extract(hdr.items.next, (bit<32>) head[7:0]);
        transition select(hdr.items.last.kind) {
            1: item;
            2: either;
            default: accept;
        }
    }
    state either {
        transition select(packet.lookahead<bit<8>>()) {
            0: short;
            1: long;
            2: both;
            default: accept;
        }
    }
    state short {
        packet.extract(hdr.either.short);
        transition accept;
    }
    state long {
        packet.extract(hdr.either.long);
        transition accept;
    }
    // The second makes the first invalid.
    state both {
        packet.extract(hdr.either.short);
        packet.extract(hdr.either.long);
        transition accept;
    }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.words, hdr.ipv4.service, hdr.ipv4.length, hdr.ipv4.rest, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4.options },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control Update(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.words, hdr.ipv4.service, hdr.ipv4.length, hdr.ipv4.rest, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4.options },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        standard.egress_spec = 1;
        bit<8> problem = 0;
        if (standard.parser_error == error.PacketTooShort) {
            problem = 1;
        } else if (standard.parser_error == error.HeaderTooShort) {
            problem = 2;
        } else if (standard.parser_error == error.ParserInvalidArgument) {
            problem = 3;
        } else if (standard.parser_error == error.StackOutOfBounds) {
            problem = 4;
        } else if (standard.parser_error != error.NoError) {
            problem = 5;
        }
        if (hdr.ipv4.isValid()) {
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        }
        // What is done is what the frame asks for.
        if (meta.wish[0:0] == 1 && hdr.items[0].isValid()) {
            hdr.copy = hdr.items[0];
        }
        if (meta.wish[1:1] == 1 && hdr.items[1].isValid()) {
            hdr.items.push_front(1);
        }
        if (meta.wish[2:2] == 1) {
            hdr.items.pop_front(1);
        }
        if (meta.wish[3:3] == 1 && hdr.items[0].isValid() && hdr.items[1].isValid()) {
            hdr.items[0].value = hdr.items[1].value;
        }
        if (meta.wish[4:4] == 1) {
            hdr.either.short.setValid();
            hdr.either.short.kind = 8;
            hdr.either.short.data = 9;
        }
        if (meta.wish[5:5] == 1) {
            hdr.other = hdr.either;
        }
        if (meta.wish[6:6] == 1) {
            hdr.either.long.setInvalid();
        }
        if (meta.wish[7:7] == 1) {
            hdr.ipv4.setInvalid();
        }
        hdr.note.setValid();
        hdr.note.length = (bit<16>) standard.packet_length;
        hdr.note.problem = problem;
        hdr.note.valid = 0;
        if (hdr.either.isValid()) {
            hdr.note.valid = 1;
        }
        if (hdr.either.short.isValid()) {
            hdr.note.valid = hdr.note.valid + 2;
        }
        if (hdr.copy.isValid() && hdr.items[0].isValid() && hdr.copy == hdr.items[0]) {
            hdr.note.valid = hdr.note.valid + 4;
        }
        hdr.note.valid = hdr.note.valid + ((bit<8>) standard.checksum_error << 4);
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        if (hdr.note.isValid()) {
            hdr.note.length = (bit<16>) standard.packet_length;
        }
    }
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), Verify(), I(), E(), Update(), D()) main;
