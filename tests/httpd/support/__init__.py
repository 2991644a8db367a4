"""The test bench: a private httpd, its certificates, its issuers and a client for it."""
