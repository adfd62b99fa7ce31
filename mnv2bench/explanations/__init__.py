"""Why a case became slower: the blocks of its network that moved most, from profiles of both environments of a duel."""
