"""waitress, with the deadlines and caps that it lacks."""
