// The first line of the memory's protection; the memory servers themselves are the fence.
//
// Sees every packet, of whatever protocol, whose destination is in the memory's prefix, and Bifröst packets whose source is.

control Memory(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    direct_counter(CounterType.packets_and_bytes) memory_access_counter;
    direct_counter(CounterType.packets_and_bytes) memory_server_counter;

    bit<1> allowed = 0;

    @name(".allow")
    action allow() {
        allowed = 1;
    }

    // Who may do what to which object. The argument of the operation, offset and length are in no key.
    // Filled by: the control plane. Whoever controls an object has entries to read and to write it; a call that leases it takes the entry
    // to write away, and gives the callee's node one to read. Changed only after the memory server was told.
    // Default: nobody, whatever the protocol.
    @name(".memory_access")
    table memory_access {
        key = {
            meta.server: exact @name("server");
            meta.object: exact @name("object");
            meta.operation: exact @name("operation");
            hdr.ipv6.src: exact @name("source");
        }
        actions = { allow; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = memory_access_counter;
        size = MEMORY_ACCESS_SIZE;
    }

    // Where each memory server is.
    // Filled by: the rule compiler; the control plane when a memory server comes or goes.
    // Default: undecided, so dropped.
    @name(".memory_server")
    table memory_server {
        key = { meta.server: exact @name("server"); }
        actions = { deliver(standard.egress_spec, hdr.ethernet.dst, meta.verdict); @defaultonly NoAction; }
        const default_action = NoAction();
        counters = memory_server_counter;
        size = 256;
    }

    apply {
        bit<8> type = hdr.bifrost.type;
        bool about_session = type == OPEN || type == CLOSE || type == ACK || type == PING;
        bool about_operation = type == MEMORY || type == ACK || type == PING || type == CANCEL;
        address_t address = meta.to_memory == 1 ? hdr.ipv6.dst : hdr.ipv6.src;
        meta.server = address[87:80];
        meta.operation = address[79:72];
        meta.argument = address[71:64];
        meta.object = address[63:0];

        if (!hdr.bifrost.isValid()) {
            meta.verdict = DROP_FOREIGN;
        } else if (hdr.bifrost.pointer != address && type != CONTROL) {
            meta.verdict = DROP_MISMATCH;
        } else if (meta.to_memory == 1) {
            if (type == CONTROL) {
                if (meta.from_cpu == 0) {
                    meta.verdict = DROP_CONTROL;
                }
            } else if (meta.from_memory == 1 || hdr.bifrost.to_callee == 0 || hdr.bifrost.memory_reply == 1) {
                meta.verdict = DROP_MALFORMED;
            } else if (meta.operation == OPERATION_NONE) {
                // Sessions belong to the server itself, object 0; any admitted node may open one.
                if (meta.object != 0 || meta.argument != 0 || !about_session) {
                    meta.verdict = DROP_MALFORMED;
                }
            } else if (!about_operation) {
                meta.verdict = DROP_MALFORMED;
            } else if (meta.operation == OPERATION_ALLOC) {
                if (meta.object != 0) {
                    meta.verdict = DROP_MALFORMED;
                } else if (type == MEMORY && hdr.bifrost.first == 1 && meta.from_cpu == 0) {
                    meta.verdict = REASON_ALLOC;
                }
            } else if (meta.operation == OPERATION_FREE) {
                if (type == MEMORY && meta.from_cpu == 0) {
                    meta.verdict = REASON_FREE;
                }
            } else if (meta.operation == OPERATION_READ || meta.operation == OPERATION_WRITE) {
                if (meta.from_cpu == 0) {
                    memory_access.apply();
                    if (allowed == 0) {
                        meta.verdict = DROP_NO_ACCESS;
                    }
                }
            } else {
                meta.verdict = DROP_MALFORMED;
            }
            if (meta.verdict == UNDECIDED) {
                memory_server.apply();
            }
        } else {
            // An answer. That it is from the server's own port, port_security has seen.
            bool answer = type == MEMORY && hdr.bifrost.memory_reply == 1;
            if (type == CONTROL) {
                if (meta.from_cpu == 0) {
                    meta.verdict = REASON_CONTROL;
                }
            } else if (hdr.bifrost.to_callee == 1
                       || !(answer || type == ACK || type == OPENED || type == PONG || type == REFUSED
                            || (type == HELD && meta.from_cpu == 1))) {
                meta.verdict = DROP_MALFORMED;
            } else if (meta.from_cpu == 0 && ((answer && hdr.bifrost.first == 1) || type == REFUSED)) {
                // The control plane changes the switch's entries between the server's answer and the caller's seeing it.
                if (meta.operation == OPERATION_ALLOC) {
                    meta.verdict = REASON_ALLOC;
                } else if (meta.operation == OPERATION_FREE) {
                    meta.verdict = REASON_FREE;
                }
            }
            if (meta.verdict == UNDECIDED) {
                meta.to_node = 1;
            }
        }
    }
}
