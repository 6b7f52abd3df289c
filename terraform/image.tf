# A repository for your own image, unless a public one is used.

resource "aws_ecr_repository" "image" {
  # checkov:skip=CKV_AWS_136: encrypted with ECR's own keys; an image contains nothing secret
  count = var.image == "" ? 1 : 0

  name = var.name

  # Tags are versions, so they are immutable.
  image_tag_mutability = "IMMUTABLE"
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  count = var.image == "" ? 1 : 0

  repository = aws_ecr_repository.image[0].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the last ten images."
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}

locals {
  image = var.image == "" ? "${aws_ecr_repository.image[0].repository_url}:${var.image_tag}" : var.image
}
