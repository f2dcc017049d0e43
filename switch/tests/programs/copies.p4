// Multicast, clones of ingress and of egress, resubmission, recirculation, truncation: what the first byte of the destination asks for.
#include "common.p4"

header trail_h {
    bit<8>  type;
    bit<8>  rid;
    bit<8>  kept;
    bit<8>  lost;
    bit<16> in_port;
    bit<16> length;
}

struct headers_t {
    trail_h    trail;
    ethernet_h ethernet;
}

struct metadata_t {
    @field_list(1)
    bit<8> kept;
    bit<8> lost;
}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        transition select(packet.lookahead<bit<8>>()) {
            4: trail;
            default: ethernet;
        }
    }
    state trail {
        packet.extract(hdr.trail);
        transition ethernet;
    }
    state ethernet {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    bit<8> wish = hdr.ethernet.dst[47:40];

    apply {
        meta.kept = meta.kept + 5;
        meta.lost = meta.lost + 7;
        standard.egress_spec = (bit<9>)hdr.ethernet.dst[2:0];
        if (wish[0:0] == 1) {
            clone_preserving_field_list(CloneType.I2E, (bit<32>)hdr.ethernet.dst[9:8], 1);
        }
        if (wish[1:1] == 1) {
            standard.mcast_grp = (bit<16>)hdr.ethernet.dst[11:10];
        }
        if (wish[4:4] == 1 && standard.instance_type == 0) {
            resubmit_preserving_field_list(1);
        }
        if (wish[5:5] == 1) {
            truncate(20);
        }
        if (wish[6:6] == 1) {
            hdr.ethernet.src = 0xaaaaaaaaaaaa;
        }
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    bit<8> wish = hdr.ethernet.dst[47:40];

    apply {
        if (wish[3:3] == 1 && standard.instance_type == 0 && !hdr.trail.isValid()) {
            recirculate_preserving_field_list(1);
        }
        if (wish[7:7] == 1 && standard.instance_type == 0) {
            clone_preserving_field_list(CloneType.E2E, (bit<32>)hdr.ethernet.dst[9:8], 1);
        }
        hdr.trail.setValid();
        hdr.trail.type = (bit<8>)standard.instance_type;
        hdr.trail.rid = (bit<8>)standard.egress_rid;
        hdr.trail.kept = meta.kept;
        hdr.trail.lost = meta.lost;
        hdr.trail.in_port = (bit<16>)standard.ingress_port;
        hdr.trail.length = (bit<16>)standard.packet_length;
        if (standard.instance_type == 0 && wish[3:3] == 1) {
            hdr.trail.type = 4;
        }
        if (standard.instance_type == 2) {
            truncate(16);
        }
    }
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), Nothing(), I(), E(), Nothing(), D()) main;
