terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Only 5.100.0 has been tested. A newer version may work; run plan before apply.
      version = "~> 5.100"
    }
  }
}

# Credentials are those of the user who runs Terraform: AWS_PROFILE, a sign-in, a role. No file here contains any.
provider "aws" {
  region = var.region

  default_tags {
    tags = {
      # To see it on the bill, activate `project` as a cost allocation tag.
      project = "twarc-cloud"
      account = var.name
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  dns       = data.aws_partition.current.dns_suffix
}
