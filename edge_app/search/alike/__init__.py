"""Copies and near-duplicates: found, told apart, and which one to keep."""
