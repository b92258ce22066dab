"""The benchmark, with numbers so small that only its counting is tried."""
