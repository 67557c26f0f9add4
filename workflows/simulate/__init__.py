"""The simulator: the engine's second driver, which executes the same step handlers in virtual time and does no I/O.

Its modules are named after those of the engine whose rules they follow. What the engine leaves to chance is decided here:
what is due goes before what happens at the same moment; of what is due at one moment, steps go before deliveries, and the
oldest run goes first, as far as it gets.
"""
