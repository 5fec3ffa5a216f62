"""What panels are held to while they are drawn: maps, made once of each picture, and who makes them."""
