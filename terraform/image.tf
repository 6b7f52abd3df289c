# A place for your own image, unless a public one is used.

resource "aws_ecr_repository" "image" {
  # checkov:skip=CKV_AWS_136: encrypted with ECR's own keys; an image holds nothing that is not public
  count = var.image == "" ? 1 : 0

  name = var.name

  # A tag that names one thing today and another tomorrow is not a version.
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
      description  = "The last ten are enough to go back to."
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}

locals {
  image = var.image == "" ? "${aws_ecr_repository.image[0].repository_url}:${var.image_tag}" : var.image
}
