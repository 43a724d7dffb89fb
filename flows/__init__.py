"""The order of the stages, as Prefect flows, and the command line over them."""
