"""Pulled plugs, full disks, rotten bits, hostile images and hostile clients."""
