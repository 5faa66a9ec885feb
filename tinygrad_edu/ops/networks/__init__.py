"""Operations of networks, apart from matrices: activations, convolutions, normalisation, losses."""
