"""Classes of other libraries, over our engine: each file names the library it stands in for."""
