# The tables that `tables build` makes, for SQL by Athena. Nothing here costs anything while no one asks: a query is billed
# by the bytes that it reads. docs/tables.md says how to ask.

locals {
  athena = var.athena ? [true] : []

  # Written by `python -m harvester.tables.glue > terraform/tables.json`: columns, partitions and the usual questions.
  described = jsondecode(file("${path.module}/tables.json"))

  database = replace(var.name, "-", "_")
  answers  = "${aws_s3_bucket.collections.arn}/answers/*"
}

resource "aws_glue_catalog_database" "tables" {
  count = var.athena ? 1 : 0

  name        = local.database
  description = "Posts of the collections in ${var.bucket}"
}

resource "aws_glue_catalog_table" "tables" {
  for_each = var.athena ? local.described.tables : {}

  name          = each.key
  database_name = aws_glue_catalog_database.tables[0].name
  table_type    = "EXTERNAL_TABLE"

  # Athena works out which partitions there are: `injected` requires that each query names its collection, so no query
  # reads all of the bucket by mistake.
  parameters = merge(local.described.parameters, {
    "storage.location.template" = "s3://${var.bucket}/${each.value.template}"
  })

  dynamic "partition_keys" {
    for_each = local.described.partitions

    content {
      name = partition_keys.value.name
      type = partition_keys.value.type
    }
  }

  storage_descriptor {
    location      = "s3://${var.bucket}/${each.value.folder}"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_athena_workgroup" "tables" {
  # checkov:skip=CKV_AWS_159: answers are encrypted, with S3's own keys unless kms_key_arn selects another
  count = var.athena ? 1 : 0

  name          = var.name
  description   = "SQL over the collections in ${var.bucket}"
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = false
    bytes_scanned_cutoff_per_query     = var.athena_gigabytes * 1000000000

    result_configuration {
      output_location       = "s3://${aws_s3_bucket.collections.id}/answers/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = var.kms_key_arn == "" ? "SSE_S3" : "SSE_KMS"
        kms_key_arn       = var.kms_key_arn == "" ? null : var.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "questions" {
  for_each = var.athena ? local.described.questions : {}

  name      = each.key
  workgroup = aws_athena_workgroup.tables[0].id
  database  = aws_glue_catalog_database.tables[0].name
  query     = each.value
}
