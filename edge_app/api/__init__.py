"""The routes of the HTTP API and the page, and the shapes of their answers."""
