"""`bihak chat`: a client for the terminal. What it shows is kept apart from how it is shown and from the connection."""
