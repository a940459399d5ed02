"""Several machines at one index; here each is a process."""
