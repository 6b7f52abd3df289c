# The bucket of the collections. Everything else in this folder can be created again.

resource "aws_s3_bucket" "collections" {
  # checkov:skip=CKV_AWS_18: CloudTrail records access; access logs would fill a second bucket without limit
  # checkov:skip=CKV_AWS_19: it is encrypted below, with one of two algorithms; the check recognizes only a fixed one
  # checkov:skip=CKV_AWS_144: a copy in another region doubles the cost; versions protect from mistakes, and S3 from disk failures
  # checkov:skip=CKV_AWS_145: encrypted with S3's own keys; kms_key_arn selects a KMS key
  # checkov:skip=CKV2_AWS_62: no one needs an event for each object; harvest.json has the result
  bucket        = var.bucket
  force_destroy = var.destroy_bucket
}

resource "aws_s3_bucket_ownership_controls" "collections" {
  bucket = aws_s3_bucket.collections.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "collections" {
  bucket                  = aws_s3_bucket.collections.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "collections" {
  bucket = aws_s3_bucket.collections.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "collections" {
  bucket = aws_s3_bucket.collections.id

  rule {
    bucket_key_enabled = var.kms_key_arn != ""

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  # Unencrypted traffic can be intercepted, including the signature of requests.
  statement {
    sid       = "OnlyEncryptedConnections"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.collections.arn, "${aws_s3_bucket.collections.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "collections" {
  bucket = aws_s3_bucket.collections.id
  policy = data.aws_iam_policy_document.bucket.json

  # S3 refuses two simultaneous changes of one bucket.
  depends_on = [aws_s3_bucket_public_access_block.collections]
}

locals {
  # GLACIER and DEEP_ARCHIVE must be restored hours ahead; a harvest that cannot read its collection does not run.
  archive_is_slow = contains(["GLACIER", "DEEP_ARCHIVE"], var.archive_class)

  archive_prefixes = length(var.archive_collections) == 0 ? ["collections/"] : flatten([
    for id in sort(tolist(var.archive_collections)) :
    ["collections/${id}/harvests/", "collections/${id}/repairs/harvests/"]
  ])
}

resource "aws_s3_bucket_lifecycle_configuration" "collections" {
  bucket = aws_s3_bucket.collections.id

  # These rules require versioning.
  depends_on = [aws_s3_bucket_versioning.collections]

  # Parts of incomplete uploads are invisible, but are billed.
  rule {
    id     = "broken-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  # lock.json, checkpoint.json and harvest.json are rewritten every few seconds while a harvest runs. A record is written
  # once and never replaced, so it never has ten later versions: this rule cannot affect it.
  rule {
    id     = "rewritten"
    status = "Enabled"

    filter {
      prefix = "collections/"
    }

    noncurrent_version_expiration {
      noncurrent_days           = 1
      newer_noncurrent_versions = 10
    }
  }

  # Removed objects: the parts of a growing file, once it is complete; or a collection deleted by a person. Other objects
  # never expire: the rules here expire noncurrent versions only.
  rule {
    id     = "removed"
    status = "Enabled"

    filter {
      prefix = "collections/"
    }

    noncurrent_version_expiration {
      noncurrent_days = var.removed_kept_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Answers of Athena, of which everyone who asked has taken what is wanted.
  dynamic "rule" {
    for_each = local.athena

    content {
      id     = "answers"
      status = "Enabled"

      filter {
        prefix = "answers/"
      }

      expiration {
        days = 7
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  # Tables that were replaced or removed can be made again.
  rule {
    id     = "tables"
    status = "Enabled"

    filter {
      prefix = "tables/"
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  # Reports that were published again, which may name accounts.
  rule {
    id     = "reports"
    status = "Enabled"

    filter {
      prefix = "reports/"
    }

    noncurrent_version_expiration {
      noncurrent_days = var.removed_kept_days
    }
  }

  # Objects below 128 KB are not moved, as is S3's default: they would cost more there.
  dynamic "rule" {
    for_each = var.archive_after_days > 0 ? local.archive_prefixes : []

    content {
      id     = "archive-${rule.key}"
      status = "Enabled"

      filter {
        and {
          prefix                   = rule.value
          object_size_greater_than = 131072
        }
      }

      transition {
        days          = var.archive_after_days
        storage_class = var.archive_class
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.archive_after_days == 0 || !local.archive_is_slow || length(var.archive_collections) > 0
      error_message = "GLACIER and DEEP_ARCHIVE require archive_collections: a large collection.json would move, too, and no harvest could read it."
    }

    precondition {
      condition     = var.archive_after_days == 0 || var.archive_class != "STANDARD_IA" || var.archive_after_days >= 30
      error_message = "STANDARD_IA requires archive_after_days of at least 30."
    }
  }
}
