"""An experiment, and the run folder it is drawn into."""
