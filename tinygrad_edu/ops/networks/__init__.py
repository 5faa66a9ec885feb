"""What networks are made of besides matrices: activations, convolutions, normalisation, losses."""
