// Registers and counters: what a packet leaves for the next.
#include "common.p4"

header seen_h {
    bit<48> bytes;
    bit<16> packets;
    bit<33> wide;
    bit<7>  unused;
}

struct headers_t {
    seen_h     seen;
    ethernet_h ethernet;
}

struct metadata_t {}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    register<bit<48>>(16) bytes;
    register<bit<16>>(16) packets;
    register<bit<33>>(4) wide;
    counter(16, CounterType.packets_and_bytes) ports;
    bit<32> flow = (bit<32>)hdr.ethernet.src[3:0];

    apply {
        ports.count((bit<32>)standard.ingress_port);
        hdr.seen.setValid();
        bytes.read(hdr.seen.bytes, flow);
        hdr.seen.bytes = hdr.seen.bytes + (bit<48>)standard.packet_length;
        bytes.write(flow, hdr.seen.bytes);
        packets.read(hdr.seen.packets, flow);
        hdr.seen.packets = hdr.seen.packets + 0x1fff;
        packets.write(flow, hdr.seen.packets);
        wide.read(hdr.seen.wide, flow & 3);
        wide.write(flow & 3, hdr.seen.wide << 1 | (bit<33>)hdr.ethernet.type[0:0] | 2);
        standard.egress_spec = (bit<9>)hdr.ethernet.dst[2:0];
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
