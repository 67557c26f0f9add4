"""E-mail: from a step's templates, its blocks and its layout to what a provider is given."""
