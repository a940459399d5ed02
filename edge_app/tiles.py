"""The fixed regions of each image that are embedded too when tiles are on."""

from edge_app.decode import Box

# Four overlapping corners and the centre, each 60 % of a side.
TILES = (
    Box(0.0, 0.0, 0.6, 0.6),
    Box(0.4, 0.0, 0.6, 0.6),
    Box(0.0, 0.4, 0.6, 0.6),
    Box(0.4, 0.4, 0.6, 0.6),
    Box(0.2, 0.2, 0.6, 0.6),
)
