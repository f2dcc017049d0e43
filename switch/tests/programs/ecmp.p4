// Several ways to one destination: by a hash of our own, and by an action selector. All hashes that there are.
#include "common.p4"

header hashes_h {
    bit<16> crc16;
    bit<32> crc32;
    bit<16> csum16;
    bit<16> xor16;
    bit<64> identity;
}

struct headers_t {
    hashes_h   hashes;
    ethernet_h ethernet;
    ipv4_h     ipv4;
    udp_h      udp;
}

struct metadata_t {
    bit<16> way;
}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        packet.extract(hdr.ipv4);
        packet.extract(hdr.udp);
        transition accept;
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    action_selector(HashAlgorithm.crc16, 32w64, 32w14) ways;

    action drop() {
        mark_to_drop(standard);
    }
    action choose(bit<16> base, bit<32> count) {
        hash(meta.way, HashAlgorithm.crc16, base, { hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4.protocol, hdr.udp.src, hdr.udp.dst },
             count);
    }
    action go(bit<9> port, bit<48> mac) {
        standard.egress_spec = port;
        hdr.ethernet.dst = mac;
    }
    @name("group") table group {
        key = { hdr.ipv4.dst: lpm; }
        actions = { choose; drop; }
        default_action = drop();
    }
    @name("way") table way {
        key = { meta.way: exact; }
        actions = { go; drop; }
        default_action = drop();
    }
    @name("selected") table selected {
        key = {
            hdr.ipv4.service: exact;
            hdr.udp.src: selector;
            hdr.udp.dst: selector;
        }
        actions = { go; drop; NoAction; }
        implementation = ways;
    }
    apply {
        if (hdr.udp.isValid()) {
            if (group.apply().hit) {
                way.apply();
            }
            selected.apply();
            hdr.hashes.setValid();
            hash(hdr.hashes.crc16, HashAlgorithm.crc16, 16w0, { hdr.udp.src, hdr.ipv4.flags, hdr.ipv4.offset }, 32w65536);
            hash(hdr.hashes.crc32, HashAlgorithm.crc32, 32w0, { hdr.ipv4.src, hdr.ipv4.words, hdr.ipv4.ttl }, 64w0x100000000);
            hash(hdr.hashes.csum16, HashAlgorithm.csum16, 16w3, { hdr.ipv4.src, hdr.ipv4.dst }, 32w1000);
            hash(hdr.hashes.xor16, HashAlgorithm.xor16, 16w0, { hdr.ipv4.src, hdr.udp.dst }, 32w65536);
            hash(hdr.hashes.identity, HashAlgorithm.identity, 64w5, { hdr.ipv4.src, hdr.udp.dst }, 64w0x10000000000);
        } else {
            drop();
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
