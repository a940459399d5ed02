"""What tests, benchmarks and screenshots share; the product imports nothing of it."""
