"""Share what formats of positions, workouts and measurements have in common."""
