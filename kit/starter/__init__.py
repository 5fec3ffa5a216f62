"""What a newcomer begins with: a story, an experiment, a training file and pictures in a new folder."""
