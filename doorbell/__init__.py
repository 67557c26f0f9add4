"""The front door: the command line and the one-process development stack. Imports everything, imported by nothing."""
