"""What must not grow, counted and never timed: instructions of inner loops, passes, pairs, candidates, allocations."""
