"""Back room: one change of a customer's details, told to all of its suppliers, and what each said to it."""
