"""What differs from the perfect crystal: vacancies, substitutions, reconstructed surfaces, glass."""
