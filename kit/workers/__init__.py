"""Several processes that share work through Ray: on the GPUs of this machine, or of a cluster."""
