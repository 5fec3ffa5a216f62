"""What an experiment will cost before anything is drawn: pictures, seconds, memory, disk."""
