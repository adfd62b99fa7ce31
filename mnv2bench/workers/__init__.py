"""Workers: the programs that run in child processes: the timing loop, memory, noise, output checks."""
