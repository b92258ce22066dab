"""How nodes tell each other of events."""
