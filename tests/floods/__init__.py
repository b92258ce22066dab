"""Floods of every kind, and what of the server is left for the others."""
