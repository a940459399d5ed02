"""What can be asked and answered, as types; the description is made of them."""
