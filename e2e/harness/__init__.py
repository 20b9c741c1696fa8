"""What the black-box tests share: a service of their own, the REST API, and clients that others wrote."""
