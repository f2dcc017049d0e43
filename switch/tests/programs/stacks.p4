// Stacks of labels that are taken, read, pushed and popped; lookahead, advance, and the parser's errors.
#include "common.p4"

header label_h {
    bit<20> label;
    bit<3>  class;
    bit<1>  bottom;
    bit<8>  ttl;
}

header note_h {
    bit<16> problem;
    bit<8>  labels;
    bit<8>  ahead;
}

struct headers_t {
    note_h     note;
    ethernet_h ethernet;
    label_h[4] labels;
    ipv4_h     ipv4;
}

struct metadata_t {
    bit<8> labels;
    bit<8> ahead;
}

error { BadLabel, BadVersion }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            0x8847: label;
            0x8848: skip;
            0x0800: ipv4;
            default: accept;
        }
    }
    state skip {
        packet.advance(16);
        transition label;
    }
    state label {
        packet.extract(hdr.labels.next);
        meta.labels = meta.labels + 1;
        verify(hdr.labels.last.label != 3, error.BadLabel);
        transition select(hdr.labels.last.bottom) {
            0: label;
            1: below;
        }
    }
    state below {
        meta.ahead = packet.lookahead<bit<8>>();
        transition select(meta.ahead[7:4]) {
            4: ipv4;
            default: accept;
        }
    }
    state ipv4 {
        packet.extract(hdr.ipv4);
        verify(hdr.ipv4.version == 4, error.BadVersion);
        transition accept;
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    action swap(bit<20> label, bit<9> port) {
        hdr.labels[0].label = label;
        standard.egress_spec = port;
    }
    action push(bit<20> label, bit<9> port) {
        hdr.labels.push_front(1);
        hdr.labels[0].setValid();
        hdr.labels[0].label = label;
        hdr.labels[0].class = 0;
        hdr.labels[0].bottom = 0;
        hdr.labels[0].ttl = 64;
        standard.egress_spec = port;
    }
    action pop(bit<9> port) {
        hdr.labels.pop_front(1);
        standard.egress_spec = port;
    }
    action pop_two(bit<9> port) {
        hdr.labels.pop_front(2);
        standard.egress_spec = port;
    }
    action double_push(bit<9> port) {
        hdr.labels.push_front(2);
        hdr.labels[0].setValid();
        hdr.labels[1].setValid();
        hdr.labels[0] = hdr.labels[2];
        hdr.labels[1].label = 0xfffff;
        hdr.labels[1].class = 7;
        hdr.labels[1].bottom = 1;
        hdr.labels[1].ttl = 1;
        standard.egress_spec = port;
    }
    @name("labels") table labels {
        key = { hdr.labels[0].label: exact; }
        actions = { swap; push; pop; pop_two; double_push; NoAction; }
        default_action = NoAction();
    }
    apply {
        standard.egress_spec = 9;
        if (hdr.labels[0].isValid()) {
            labels.apply();
        }
        hdr.note.setValid();
        hdr.note.problem = 0;
        if (standard.parser_error == error.BadLabel) {
            hdr.note.problem = 1;
        } else if (standard.parser_error == error.BadVersion) {
            hdr.note.problem = 2;
        } else if (standard.parser_error == error.PacketTooShort) {
            hdr.note.problem = 3;
        } else if (standard.parser_error == error.StackOutOfBounds) {
            hdr.note.problem = 4;
        } else if (standard.parser_error != error.NoError) {
            hdr.note.problem = 5;
        }
        hdr.note.labels = meta.labels;
        hdr.note.ahead = meta.ahead;
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {}
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), Nothing(), I(), E(), Nothing(), D()) main;
