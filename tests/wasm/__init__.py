"""The tests in WebAssembly: what runs them there, and tests of the whole way from a CSV file."""
