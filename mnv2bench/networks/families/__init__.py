"""One file for each family of networks: every module here that is found has a tuple NETWORKS."""
