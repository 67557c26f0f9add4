"""HTTP in: routes, schemas, keys, errors. Thin: validates, reads rows, calls the engine's doors."""
