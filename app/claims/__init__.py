"""Back room: what a customer says of one invoice that is owed: promised, disputed, paid already, wanted later."""
