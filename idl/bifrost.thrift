/**
 * Types of Bifröst that any IDL file may use.
 */
namespace * bifrost
namespace rs bifrost

/**
 * A global pointer: the address of an object in the rack's global memory, 16 bytes laid out as an IPv6 address.
 *
 * Pass it to say where something lives. To pass a value that may live there, mark an argument, a result or a field
 * `(bifrost.ref)` instead.
 */
typedef uuid Ptr
