"""What may be the cause of a confirmed change: libraries that differ, and the blocks of the network that moved."""
