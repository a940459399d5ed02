"""Sources that are on other machines, against real servers on loopback."""
