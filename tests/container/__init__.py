"""`make test-container`: the image of deploy/Dockerfile is built and run, as root, on Debian."""
