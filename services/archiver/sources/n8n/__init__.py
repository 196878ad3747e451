"""The preset ``n8n``: what is known of a database, and of the files beside it, of that program."""
