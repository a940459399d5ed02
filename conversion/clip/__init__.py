"""Networks with two towers, CLIP's: one embeds images, the other the words that describe them."""
