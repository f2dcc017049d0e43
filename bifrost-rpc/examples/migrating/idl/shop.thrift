/** A small shop, as an example of a service that exists. */
include "account.thrift"


typedef i64 Cents

const i32 MOST_ITEMS = 100

enum State {
  OPEN = 1,
  PAID = 2,
  SENT = 4,
}

/** How an order is paid. */
union Payment {
  1: string card,
  2: Cents cash,
  3: account.Customer invoice,
}

struct Item {
  1: required string article,
  2: required i32 count,
  3: optional map<string, string> notes,
}

struct Order {
  1: required account.Customer customer,
  2: required list<Item> items,
  3: required Payment payment,
  4: optional binary attachment,
}

struct Receipt {
  1: required i64 number,
  2: required Cents total,
  3: required State state,
}

/** There is not enough of it. */
exception OutOfStock {
  1: string article,
  2: i32 left,
}

service Shop extends account.Base {
  /** Takes an order. */
  Receipt place(1: Order order) throws (1: OutOfStock stock, 2: account.Refused refused),

  /** The state of orders; those that are not known are left out. */
  map<i64, State> states(1: list<i64> numbers),

  /** Puts more of an article on the shelf. */
  oneway void restock(1: string article, 2: i32 count),

  /** How much of each article is left. */
  map<string, i32> stock(),
}
