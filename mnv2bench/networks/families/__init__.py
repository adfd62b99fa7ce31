"""The families of networks, one file each: every module of this package has a tuple NETWORKS."""
