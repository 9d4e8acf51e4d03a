"""The product played through on a laptop: a day for `make run`, many days for `simulate`."""
