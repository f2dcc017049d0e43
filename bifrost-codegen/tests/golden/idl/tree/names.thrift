typedef string Name
enum Kind { A, B }
service Names { Name full(1: Name name, 2: Kind kind) }
