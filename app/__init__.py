"""The house: people, invoices, conversations. It has never heard of its wings."""

import gc

# What a process loads stays, and a batch makes a hundred thousand objects that go at once: to look through them after
# every seven hundred new ones was a tenth of a process's start, and of a worker's time.
gc.set_threshold(20_000, 20, 10)
