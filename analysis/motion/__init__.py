"""What happens in molecular dynamics: bonds, shells, diffusion, species, controls."""
