"""How an equation runs over time in floating point."""
