"""Networks from and to other frameworks."""
