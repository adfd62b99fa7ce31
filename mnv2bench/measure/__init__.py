"""One process of one case: the timing loop, memory, the noise around it, and the machine."""
