"""Back room: threads between one customer and one vendor, questions, answers."""
