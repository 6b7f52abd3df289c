terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Nothing but 5.100.0 was ever run here. A newer one may do; plan with it before you apply.
      version = "~> 5.100"
    }
  }
}

# The credentials are those of whoever runs Terraform: AWS_PROFILE, a sign-in, a role. None stand in a file here.
provider "aws" {
  region = var.region

  default_tags {
    tags = {
      # For the bill: activate `project` as a cost allocation tag.
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
