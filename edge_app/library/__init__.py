"""Where photos are: which files there are, and the bytes of one."""
