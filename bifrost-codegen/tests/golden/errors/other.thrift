struct Thing {}
typedef uuid Pointer
