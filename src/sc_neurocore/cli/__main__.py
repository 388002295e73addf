"""`python -m sc_neurocore.cli`, and the module that torchrun's `-m` takes."""

from sc_neurocore.cli import main

main()
