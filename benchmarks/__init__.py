"""Measurements: medians and ratios from one run, because machines are noisy. `make bench` runs all of them."""
