"""What the tests that drive a running server share: starting it, signing requests, talking to it byte for byte."""
