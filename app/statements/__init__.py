"""Back room: what was owed and settled, and what will be due, as statements, calendars and sums by the week."""
