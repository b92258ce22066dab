"""Faults: the server, its database and its connections are broken on purpose, and nothing acknowledged may be lost."""
