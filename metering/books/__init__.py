"""The books: what each tenant pays in a month, later rows, and months that are closed for good."""
