# Copy this file to terraform.tfvars. Only `bucket` is required; docs/account.md explains the rest.
# No keys belong here: Terraform uses AWS_PROFILE, or your current sign-in.
bucket = "the-name-of-your-bucket"
region = "us-east-1"

# Who runs twarc_cloud.py, and who receives alerts.
# operators   = ["arn:aws:iam::ACCOUNT:user/NAME"]
# alarm_email = "you@example.org"

# A public image; without one, a repository is created for your own.
# image = "registry/repository:tag"
