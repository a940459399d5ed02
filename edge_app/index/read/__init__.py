"""One consistent view of the index while others write."""
