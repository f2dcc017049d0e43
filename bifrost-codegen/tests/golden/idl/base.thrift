exception Sorry { 1: required string why, 2: optional i32 code }
service Root { i32 root() }
service Base extends Root {
  string greet(1: string name) throws (1: Sorry sorry) (bifrost.short, bifrost.idempotent)
  oneway void poke(1: i32 times)
}
