"""The program on emulated 64-bit ARM, beside the same on this machine: `make test-arm64`."""
