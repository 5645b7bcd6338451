"""What `arpcheck cluster` decides without the API: which nodes share a network, which of them ask for which addresses, the
manifests of the Jobs that do it, what became of each, and how their evidence travels in a log."""
