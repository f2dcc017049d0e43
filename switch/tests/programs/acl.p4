// Access control: ternary and ranged keys with priorities, a valid bit in a key, counters of entries, exit.
#include "common.p4"

struct headers_t {
    ethernet_h ethernet;
    ipv4_h     ipv4;
    udp_h      udp;
}

struct metadata_t {}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type, hdr.ethernet.dst[47:40]) {
            (0x0800, _): ipv4;
            (0x0801 .. 0x0803, 2): ipv4;
            default: accept;
        }
    }
    state ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol) {
            0x10 &&& 0xfe: udp;
            default: accept;
        }
    }
    state udp {
        packet.extract(hdr.udp);
        transition accept;
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    action deny() {
        mark_to_drop(standard);
        exit;
    }
    action permit(bit<9> port) {
        standard.egress_spec = port;
    }
    action mark(bit<8> service, bit<9> port) {
        hdr.ipv4.service = service;
        standard.egress_spec = port;
    }
    @name("acl") table acl {
        key = {
            hdr.ipv4.src: ternary;
            hdr.udp.dst: range;
            hdr.udp.isValid(): exact;
            standard.ingress_port: ternary;
        }
        actions = { deny; permit; mark; }
        default_action = deny();
        size = 64;
    }
    @name("hosts") table hosts {
        key = { hdr.ethernet.src: exact; }
        actions = { permit; NoAction; }
        default_action = NoAction();
        const entries = {
            0x020000000007: permit(4);
            0x020000000008: permit(5);
        }
    }
    apply {
        if (hosts.apply().hit) {
            hdr.ethernet.dst = 0xffffffffffff;
        }
        switch (acl.apply().action_run) {
            permit: { hdr.ethernet.src = 1; }
            mark: { hdr.ethernet.src = 2; }
        }
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
