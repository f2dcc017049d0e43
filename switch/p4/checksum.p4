// RFC 1624: keeps a UDP checksum right when an address of its pseudo-header changes. What was wrong stays wrong, which
// computing it anew over the payload would hide.

control AdjustChecksum(inout bit<16> checksum, in address_t before, in address_t after) {
    apply {
        address_t gone = ~before;
        bit<32> sum = (bit<32>)(~checksum)
            + (bit<32>)gone[15:0] + (bit<32>)gone[31:16] + (bit<32>)gone[47:32] + (bit<32>)gone[63:48]
            + (bit<32>)gone[79:64] + (bit<32>)gone[95:80] + (bit<32>)gone[111:96] + (bit<32>)gone[127:112]
            + (bit<32>)after[15:0] + (bit<32>)after[31:16] + (bit<32>)after[47:32] + (bit<32>)after[63:48]
            + (bit<32>)after[79:64] + (bit<32>)after[95:80] + (bit<32>)after[111:96] + (bit<32>)after[127:112];
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        checksum = ~(bit<16>)sum;
        // 0 says that there is no checksum.
        if (checksum == 0) {
            checksum = 0xffff;
        }
    }
}
