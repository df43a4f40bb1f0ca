"""What formats of positions, workouts and measurements share."""
