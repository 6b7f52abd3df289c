# Copy this file to terraform.tfvars. Only the bucket must be named; docs/account.md explains the rest.
# No keys belong here: Terraform uses AWS_PROFILE, or whatever you are signed in with.
bucket = "the-name-of-your-bucket"
region = "us-east-1"

# Who runs twarc_cloud.py, and who hears of what goes wrong.
# operators   = ["arn:aws:iam::ACCOUNT:user/NAME"]
# alarm_email = "you@example.org"

# A public image; without one, a repository is made for your own.
# image = "registry/repository:tag"
