"""A sweep and its runs for people to look at: as one HTML page, or as Optuna's tools read them.

Must not talk to a cluster or read a clock.
"""
