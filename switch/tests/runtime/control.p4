// A program with one of each thing that the runtime API reaches.

#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> destination;
    bit<48> source;
    bit<16> kind;
}

header ipv4_t {
    bit<4> version;
    bit<4> words;
    bit<8> service;
    bit<16> length;
    bit<16> id;
    bit<16> fragment;
    bit<8> ttl;
    bit<8> protocol;
    bit<16> checksum;
    bit<32> source;
    bit<32> destination;
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t ipv4;
}

struct metadata_t {
    bit<2> color;
    bit<2> route_color;
    bit<16> bucket;
}

struct learned_t {
    bit<48> source;
    bit<9> port;
}

parser Read(packet_in packet, out headers_t headers, inout metadata_t meta, inout standard_metadata_t standard) {
    value_set<bit<16>>(4) kinds;

    state start {
        packet.extract(headers.ethernet);
        transition select(headers.ethernet.kind) {
            0x0800: ipv4;
            kinds: ipv4;
            default: accept;
        }
    }
    state ipv4 {
        packet.extract(headers.ipv4);
        transition accept;
    }
}

control Check(inout headers_t headers, inout metadata_t meta) {
    apply { }
}

control Handle(inout headers_t headers, inout metadata_t meta, inout standard_metadata_t standard) {
    counter(4, CounterType.packets_and_bytes) marks;
    meter(4, MeterType.packets) rates;
    register<bit<16>>(8) seen;
    direct_counter(CounterType.packets_and_bytes) routed;
    direct_meter<bit<2>>(MeterType.bytes) route_rates;
    action_profile(16) shared_actions;
    action_selector(HashAlgorithm.crc16, 32, 16) paths;

    action drop() {
        mark_to_drop(standard);
    }
    action allow() { }
    action forward(bit<9> port, bit<48> mac) {
        standard.egress_spec = port;
        headers.ethernet.destination = mac;
    }
    action route(bit<9> port) {
        standard.egress_spec = port;
        routed.count();
        route_rates.read(meta.route_color);
    }
    action flood(bit<16> group) {
        standard.mcast_grp = group;
    }
    action learn() {
        digest<learned_t>(1, { headers.ethernet.source, standard.ingress_port });
    }
    action mirror(bit<32> session) {
        clone(CloneType.I2E, session);
    }

    table sources {
        key = { headers.ethernet.source: exact; }
        actions = { learn; allow; mirror; }
        default_action = learn;
        size = 64;
    }
    table routes {
        key = { headers.ipv4.destination: lpm; }
        actions = { route; drop; }
        default_action = drop;
        size = 64;
        counters = routed;
        meters = route_rates;
    }
    table access {
        key = { headers.ipv4.source: ternary; headers.ipv4.destination: ternary; }
        actions = { allow; drop; }
        const default_action = allow;
        size = 64;
    }
    table hops {
        key = { headers.ipv4.ttl: range; headers.ipv4.isValid(): exact; }
        actions = { allow; drop; }
        size = 16;
    }
    table next {
        key = {
            headers.ethernet.destination: exact;
            headers.ethernet.source: selector;
        }
        actions = { forward; flood; }
        implementation = paths;
        size = 64;
    }
    table service {
        key = { headers.ipv4.service: exact; }
        actions = { allow; drop; }
        implementation = shared_actions;
        size = 64;
    }

    apply {
        sources.apply();
        marks.count((bit<32>) standard.ingress_port);
        rates.execute_meter((bit<32>) standard.ingress_port, meta.color);
        hash(meta.bucket, HashAlgorithm.crc16_custom, (bit<16>) 0, { headers.ethernet.source }, (bit<32>) 65536);
        bit<16> last;
        seen.read(last, 1);
        seen.write(0, last + meta.bucket);
        if (meta.color == 2) {
            drop();
            exit;
        }
        if (headers.ipv4.isValid()) {
            if (hops.apply().hit) {
                access.apply();
            }
            service.apply();
            routes.apply();
            if (meta.route_color == 2) {
                drop();
            }
        } else {
            next.apply();
        }
    }
}

control Leave(inout headers_t headers, inout metadata_t meta, inout standard_metadata_t standard) {
    apply { }
}

control Renew(inout headers_t headers, inout metadata_t meta) {
    apply { }
}

control Emit(packet_out packet, in headers_t headers) {
    apply {
        packet.emit(headers.ethernet);
        packet.emit(headers.ipv4);
    }
}

V1Switch(Read(), Check(), Handle(), Leave(), Renew(), Emit()) main;
