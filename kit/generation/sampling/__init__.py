"""From noise to a picture: the first noise, the solvers, what is remembered from step to step."""
