"""The whole of it in an AWS account that is emulated on loopback, with real containers: `make cloud-test`."""
