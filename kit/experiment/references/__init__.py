"""Pictures of characters that stories name: kept in a run, read as anchors or by an IP-Adapter."""
