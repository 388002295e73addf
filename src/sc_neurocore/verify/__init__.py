"""Co-simulation, equivalence proofs, control properties and the certificate."""
