"""What README says of installing, done in clean virtual environments. `make install-test` runs it:
it fetches packages, and takes about two minutes."""
