"""Networks, the delta rule, training, and the command line."""
