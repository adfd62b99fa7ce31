"""Statistics: numbers from Records, without clocks, printing or torch."""
