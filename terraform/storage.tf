# The bucket: what was collected. Nothing else in this folder holds anything that could not be made again.

resource "aws_s3_bucket" "collections" {
  # checkov:skip=CKV_AWS_18: who read what is CloudTrail's to tell; access logs would fill a second bucket without end
  # checkov:skip=CKV_AWS_19: it is encrypted, below, with one of two algorithms; the check reads only a fixed one
  # checkov:skip=CKV_AWS_144: a copy in another region doubles the bill; versions protect from mistakes, and S3 from broken disks
  # checkov:skip=CKV_AWS_145: encrypted with S3's own keys; kms_key_arn chooses a KMS key
  # checkov:skip=CKV2_AWS_62: nobody needs to hear of each object; harvest.json tells
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
  # What travels unencrypted can be read on its way, and so can the signature of who asks.
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

  # S3 refuses two changes of one bucket at once.
  depends_on = [aws_s3_bucket_public_access_block.collections]
}

locals {
  # GLACIER and DEEP_ARCHIVE must be asked hours ahead; a harvest that cannot read its collection does not run.
  archive_is_slow = contains(["GLACIER", "DEEP_ARCHIVE"], var.archive_class)

  archive_prefixes = length(var.archive_collections) == 0 ? ["collections/"] : [
    for id in sort(tolist(var.archive_collections)) : "collections/${id}/harvests/"
  ]
}

resource "aws_s3_bucket_lifecycle_configuration" "collections" {
  bucket = aws_s3_bucket.collections.id

  # Without versioning there is nothing that these rules could mean.
  depends_on = [aws_s3_bucket_versioning.collections]

  # Pieces of an upload that never ended cannot be seen, but are paid for.
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

  # lock.json, checkpoint.json and harvest.json are written again every few seconds while a harvest runs. A record is
  # written once and never replaced, so that it never has ten later versions: this rule cannot touch it.
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

  # What was removed: the parts of a growing file, once it is whole; or a collection, by a person. What is not removed
  # never expires: no rule here has an expiration but for versions that are not current.
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

  # Objects below 128 KB stay where they are, as S3 does by itself: they would cost more there.
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
      error_message = "GLACIER and DEEP_ARCHIVE need archive_collections: a collection.json that is large would move, too, and no harvest could read it."
    }

    precondition {
      condition     = var.archive_after_days == 0 || var.archive_class != "STANDARD_IA" || var.archive_after_days >= 30
      error_message = "STANDARD_IA takes objects after 30 days or more."
    }
  }
}
