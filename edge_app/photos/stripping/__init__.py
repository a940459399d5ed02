"""What is taken out of originals before they leave."""
