"""How any request is served. Knows no feature."""
