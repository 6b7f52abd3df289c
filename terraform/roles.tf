# The roles of tasks and schedules. Each statement has its reason; tests/cloud/test_policies.py removes one after the
# other, and each time a required operation fails.

locals {
  # The names of task definitions and services; characters that AWS refuses are replaced (harvester/compute).
  family = "twarc-cloud_${replace(var.bucket, "/[^A-Za-z0-9_-]/", "-")}_*"

  ecs        = "arn:${local.partition}:ecs:${var.region}:${local.account}"
  definition = "${local.ecs}:task-definition/${local.family}"
  service    = "${local.ecs}:service/${var.name}/${local.family}"
  task       = "${local.ecs}:task/${var.name}/*"

  parameter_path = "/${var.name}"
  parameters     = "arn:${local.partition}:ssm:${var.region}:${local.account}:parameter${local.parameter_path}"

  objects = "${aws_s3_bucket.collections.arn}/collections/*"
}

# -- the role of a task ------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust_tasks" {
  # ECS assumes this role for a task.
  statement {
    sid     = "TasksOfThisAccount"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    # Not for a task that another account starts with this role.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.ecs}:*"]
    }
  }
}

data "aws_iam_policy_document" "task" {
  # Read the collection and what a crashed harvest left; store records; renew the lock; remove the lock and the parts of a
  # growing file at the end; give up the upload that a crashed harvest was at. It cannot remove a version, so that removed
  # objects can be restored.
  statement {
    sid       = "ReadAndStoreCollections"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = [local.objects]

    # Anyone can take the name of a deleted bucket: posts must not go to someone else's.
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # List what a crashed harvest left, read the bucket's clock, and get "not found" instead of "forbidden" for a missing
  # object.
  statement {
    sid       = "ListCollections"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.collections.arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # The keys of the X API, that of Honeybadger, and the secrets of sinks: read at the start of a run, never part of the task
  # definition.
  statement {
    sid       = "ReadKeys"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameters}/keys/*", "${local.parameters}/sinks/*", "${local.parameters}/honeybadger"]
  }

  # A stream that has ended (max_records, budget) deletes its own service, which would otherwise cost money until someone
  # does. AWS supports no narrower condition: it may delete the services of this bucket's streams, but not change or
  # scale them.
  statement {
    sid       = "EndOwnStream"
    actions   = ["ecs:DeleteService"]
    resources = [local.service]
  }

  # The token of this run, required for its status; removed at the end, if it is still this run's. Without a port there
  # is none.
  dynamic "statement" {
    for_each = var.status_cidr == "" ? [] : [true]

    content {
      sid       = "KeepToken"
      actions   = ["ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"]
      resources = ["${local.parameters}/tokens/*"]
    }
  }

  # A worker of a crawl takes users from the queue, keeps them while it works, and sends again those that were lost; only
  # if the queue is empty, so it reads how many are in it.
  dynamic "statement" {
    for_each = local.graph

    content {
      sid = "ShareCrawl"
      actions = [
        "sqs:ReceiveMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:SendMessage",
        "sqs:GetQueueAttributes",
      ]
      resources = [aws_sqs_queue.graph[0].arn]
    }
  }

  # Users at which eight workers ended are named in the bucket, and taken from the queue of the dead.
  dynamic "statement" {
    for_each = local.graph

    content {
      sid       = "NameTheDead"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
      resources = [aws_sqs_queue.graph_dead[0].arn]
    }
  }

  # S3 and the parameter store use your key on behalf of the caller; nothing else may. The task itself encrypts only the
  # token of a run.
  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [true]

    content {
      sid       = "UseYourKey"
      actions   = concat(["kms:Decrypt", "kms:GenerateDataKey"], var.status_cidr == "" ? [] : ["kms:Encrypt"])
      resources = [var.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.${local.dns}", "ssm.${var.region}.${local.dns}"]
      }
    }
  }
}

resource "aws_iam_role" "task" {
  name                 = "${var.name}-task"
  description          = "Permissions of a harvest"
  assume_role_policy   = data.aws_iam_policy_document.trust_tasks.json
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy" "task" {
  name   = "harvest"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

# -- the task execution role -------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust_fargate" {
  # Fargate assumes this role before there is a task; AWS provides no source for a condition.
  statement {
    sid     = "FargateBeforeATask"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  # The log of a task; the log group exists, so it may not create one.
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.harvests.arn}:*"]
  }

  # The image, from its repository. A public image needs neither of these two.
  dynamic "statement" {
    for_each = aws_ecr_repository.image

    content {
      sid       = "FetchImage"
      actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [statement.value.arn]
    }
  }

  # Signing in is for the registry as a whole: AWS supports no narrower resource.
  dynamic "statement" {
    for_each = aws_ecr_repository.image

    content {
      sid       = "SignInToRegistry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role" "execution" {
  name                 = "${var.name}-execution"
  description          = "What Fargate does for a harvest: pull the image, write the log"
  assume_role_policy   = data.aws_iam_policy_document.trust_fargate.json
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# -- the role of a schedule --------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust_schedules" {
  # EventBridge Scheduler assumes this role when a schedule is due.
  statement {
    sid     = "SchedulesOfThisGroup"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    # Not for a schedule of another account, or of another group of this one.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_scheduler_schedule_group.harvests.arn]
    }
  }
}

data "aws_iam_policy_document" "scheduler" {
  # Start tasks of this bucket's collections, in this cluster only.
  statement {
    sid       = "StartHarvests"
    actions   = ["ecs:RunTask"]
    resources = [local.definition]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.harvests.arn]
    }
  }

  # Tag the task, for listing and billing.
  statement {
    sid       = "TagHarvests"
    actions   = ["ecs:TagResource"]
    resources = [local.task]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }

  # Pass the task its two roles, and no others.
  statement {
    sid       = "HandOverRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name                 = "${var.name}-scheduler"
  description          = "Lets schedules start harvests"
  assume_role_policy   = data.aws_iam_policy_document.trust_schedules.json
  path                 = var.iam_path
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "start"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}
