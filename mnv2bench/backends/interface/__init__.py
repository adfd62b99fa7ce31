"""What a backend is: the session that it opens, the declaration in its module, and the registry of all backends."""
