"""Two models' UNets merged, with a share for each block."""
