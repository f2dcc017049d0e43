// Numbers of many widths: what is added, multiplied, shifted, cut, saturated and compared.
#include "common.p4"

header values_h {
    bit<128> a;
    bit<128> b;
    int<32>  c;
    int<32>  d;
    bit<8>   e;
    bit<8>   f;
    int<7>   g;
    bit<9>   h;
}

header results_h {
    bit<128> sum;
    bit<128> difference;
    bit<128> product;
    bit<128> shifted;
    bit<128> back;
    bit<128> mixed;
    int<32>  signed_sum;
    int<32>  signed_shift;
    int<64>  signed_product;
    bit<8>   saturated;
    bit<8>   least;
    int<7>   signed_saturated;
    bit<9>   masked;
    bit<64>  joined;
    bit<16>  compared;
    bit<32>  chosen;
    bit<8>   small_shift;
    bit<8>   negated;
}

struct headers_t {
    ethernet_h ethernet;
    values_h   values;
    results_h  results;
}

struct metadata_t {}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        packet.extract(hdr.values);
        transition accept;
    }
}

control Nothing(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        if (hdr.values.isValid()) {
            hdr.results.setValid();
            hdr.results.sum = hdr.values.a + hdr.values.b;
            hdr.results.difference = hdr.values.a - hdr.values.b;
            hdr.results.product = hdr.values.a * hdr.values.b;
            hdr.results.shifted = hdr.values.a << hdr.values.e;
            hdr.results.back = hdr.values.a >> hdr.values.f;
            hdr.results.mixed = (hdr.values.a & ~hdr.values.b) ^ (hdr.values.b | hdr.values.a << 3);
            hdr.results.signed_sum = hdr.values.c + hdr.values.d;
            hdr.results.signed_shift = hdr.values.c >> (hdr.values.e & 31);
            hdr.results.signed_product = (int<64>)hdr.values.c * (int<64>)hdr.values.d;
            hdr.results.saturated = hdr.values.e |+| hdr.values.f;
            hdr.results.least = hdr.values.e |-| hdr.values.f;
            hdr.results.signed_saturated = hdr.values.g |+| hdr.values.g;
            hdr.results.masked = -hdr.values.h;
            hdr.results.joined = hdr.values.a[100:77] ++ hdr.values.b[39:0];
            hdr.results.compared = (bit<16>)(bit<1>)(hdr.values.c < hdr.values.d) << 3
                | (bit<16>)(bit<1>)(hdr.values.a >= hdr.values.b) << 2
                | (bit<16>)(bit<1>)(hdr.values.e == hdr.values.f) << 1
                | (bit<16>)(bit<1>)(hdr.values.c != hdr.values.d && !(hdr.values.e > 9 || hdr.values.f <= 9));
            hdr.results.chosen = hdr.values.e[0:0] == 1 ? (bit<32>)hdr.values.c : (bit<32>)hdr.values.h;
            hdr.results.small_shift = hdr.values.e << (hdr.values.f & 15);
            hdr.results.negated = ~hdr.values.e - (bit<8>)hdr.values.h;
        }
        standard.egress_spec = 1;
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
