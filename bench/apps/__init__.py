"""Applications that the bench measures against."""
