"""What to ship on each of several machines within a budget, and the cheapest machine that meets it."""
