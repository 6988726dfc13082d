"""Training of our own networks: data, losses and the loop; see `alphapose train`."""
