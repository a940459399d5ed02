"""Several machines at one index, over Dask: the extra `cluster` (docs/many-machines.md)."""
