"""What panels are held to while they are drawn: networks that experiments name, pictures of stories."""
