"""How the embedded base's ControlNet was trained: lines of renders, and the network that reads them."""
