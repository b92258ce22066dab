"""What things cost: `python -m bench` prints the tables."""
